# What Java cannot do with tensors whose element type DJL does not know.
class Graph(Module):
  __parameters__ = []
  __buffers__ = []

  def empty(self: __torch__.Graph, shape: List[int], dtype: int, device: str, pinned: bool) -> Tensor:
    return torch.empty(shape, dtype=dtype, layout=None, device=torch.device(device), pin_memory=pinned)

  def flat_slice(self: __torch__.Graph, tensor: Tensor, start: int, length: int) -> Tensor:
    return tensor.view([-1]).narrow(0, start, length)

  def copy(self: __torch__.Graph, source: Tensor, destination: Tensor) -> Tensor:
    return destination.copy_(source)
