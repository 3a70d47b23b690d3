# Antialiased resizing of square 8-bit images, to the same bytes on every device.
class Graph(Module):
  __parameters__ = []
  __buffers__ = []

  # crops [N, S, S, 3] uint8 -> [N, 3, size, size] uint8, by torch's own operators, which only a CPU has for bytes
  def bilinear(self: __torch__.Graph, crops: Tensor, size: int) -> Tensor:
    planes = crops.permute([0, 3, 1, 2]).contiguous()
    return torch._upsample_bilinear2d_aa(planes, [size, size], False, None, None)

  def bicubic(self: __torch__.Graph, crops: Tensor, size: int) -> Tensor:
    planes = crops.permute([0, 3, 1, 2]).contiguous()
    return torch._upsample_bicubic2d_aa(planes, [size, size], False, None, None)

  # sums in units of 1 / scale -> the nearest whole numbers that a byte holds
  def nearest(self: __torch__.Graph, sums: Tensor, scale: int) -> Tensor:
    return torch.clamp(torch.floor((sums + scale // 2) / scale), 0, 255)

  # The same as products with whole numbers: weights [size, S], in units of 1 / scale, a power of two. No sum reaches the
  # number from which on the weights' type leaves out whole numbers, so nothing is rounded but the results.
  def products(self: __torch__.Graph, crops: Tensor, weights: Tensor, scale: int) -> Tensor:
    planes = crops.permute([0, 3, 1, 2]).contiguous().to(weights.dtype)
    rows = self.nearest(torch.matmul(planes, weights.t()), scale)
    return self.nearest(torch.matmul(weights, rows), scale).to(0).contiguous()

  def planes(self: __torch__.Graph, crops: Tensor) -> Tensor:
    return crops.permute([0, 3, 1, 2]).contiguous()
