# CUDA streams; libtorch knows these names only where it is built for GPUs.
class Graph(Module):
  __parameters__ = []
  __buffers__ = []

  def take(self: __torch__.Graph, device: str) -> None:
    ops.cuda.set_stream(__torch__.torch.classes.cuda.Stream(torch.device(device), 0))

  def synchronize(self: __torch__.Graph, device: str) -> None:
    ops.cuda.synchronize(torch.device(device))
