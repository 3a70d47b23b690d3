# What a device can do at most.
class Graph(Module):
  __parameters__ = []
  __buffers__ = []

  def random(self: __torch__.Graph, size: int, dtype: int, device: str) -> Tensor:
    return torch.rand([size, size], dtype=dtype, layout=None, device=torch.device(device), pin_memory=False)

  def multiply(self: __torch__.Graph, left: Tensor, right: Tensor) -> Tensor:
    return torch.mm(left, right)
