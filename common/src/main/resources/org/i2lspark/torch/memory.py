# What Java cannot do with tensors whose element type DJL does not know.
class Graph(Module):
  __parameters__ = []
  __buffers__ = []

  def empty(self: __torch__.Graph, shape: List[int], dtype: int, device: str, pinned: bool) -> Tensor:
    return torch.empty(shape, dtype=dtype, layout=None, device=torch.device(device), pin_memory=pinned)

  def flat_slice(self: __torch__.Graph, tensor: Tensor, start: int, length: int) -> Tensor:
    return tensor.view([-1]).narrow(0, start, length)

  def view(self: __torch__.Graph, tensor: Tensor, start: int, shape: List[int]) -> Tensor:
    length = 1
    for dimension in shape:
      length *= dimension
    return tensor.view([-1]).narrow(0, start, length).view(shape)

  def copy(self: __torch__.Graph, source: Tensor, destination: Tensor) -> None:
    destination.copy_(source)

  # one after the other, so that no call stands between two copies
  def copy_all(self: __torch__.Graph, sources: List[Tensor], destinations: List[Tensor]) -> None:
    for i in range(len(sources)):
      destinations[i].copy_(sources[i])
