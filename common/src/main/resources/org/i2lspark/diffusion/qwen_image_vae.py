# The decoder of Qwen-Image's VAE for a single picture. Its causal 3-d convolutions meet one frame behind zeros, so that only
# their last tap in time counts: here all convolutions are 2-d. Weights in the order of VaeConfig.weights.
class Graph(Module):
  __parameters__ = []
  __buffers__ = []

  # [out, in, time, h, w] -> [out, in, h, w], with memory of its own
  def last_tap(self: __torch__.Graph, weight: Tensor) -> Tensor:
    return weight[:, :, -1].contiguous()

  # unit length over the channels, times the root of their number, times gamma
  def norm(self: __torch__.Graph, x: Tensor, gamma: Tensor) -> Tensor:
    y = x.to(6)
    length = torch.linalg_vector_norm(y, 2, [1], True).clamp(1e-12, None)
    return (y / length).to(x.dtype) * (x.size(1) ** 0.5) * gamma.view([1, -1, 1, 1])

  def convolve(self: __torch__.Graph, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    pad = weight.size(3) // 2
    return torch.conv2d(x, weight, bias, [1, 1], [pad, pad])

  # w: twice gamma, convolution and bias, and, where the width changes, the shortcut's convolution and bias
  def residual(self: __torch__.Graph, x: Tensor, w: List[Tensor]) -> Tensor:
    y = self.convolve(torch.silu(self.norm(x, w[0])), w[1], w[2])
    y = self.convolve(torch.silu(self.norm(y, w[3])), w[4], w[5])
    if len(w) > 6:
      x = self.convolve(x, w[6], w[7])
    return x + y

  def attention(self: __torch__.Graph, x: Tensor, w: List[Tensor]) -> Tensor:
    y = self.convolve(self.norm(x, w[0]), w[1], w[2]).flatten(2).transpose(1, 2).unsqueeze(1)
    q, k, v = y.chunk(3, -1)
    y = torch.scaled_dot_product_attention(q, k, v).squeeze(1).transpose(1, 2).reshape(x.size())
    return x + self.convolve(y, w[3], w[4])

  # latents [channels, h, w] float32 -> pixels [3, 8 * h, 8 * w] float32 in [-1, 1], on the latents' device
  def decode(self: __torch__.Graph, latents: Tensor, mean: Tensor, deviation: Tensor, w: List[Tensor], residuals: int) -> Tensor:
    x = latents * deviation.view([-1, 1, 1]).to(latents.device) + mean.view([-1, 1, 1]).to(latents.device)
    x = self.convolve(x.unsqueeze(0).to(w[0].dtype), w[0], w[1])
    x = self.convolve(x, w[2], w[3])
    x = self.residual(x, w[4:10])
    x = self.attention(x, w[10:15])
    x = self.residual(x, w[15:21])
    at = 21
    for i in range(4):
      for j in range(residuals):
        count = 6
        if w[at + 1].size(0) != w[at + 1].size(1):
          count = 8
        x = self.residual(x, w[at:at + count])
        at = at + count
      if i < 3:
        x = torch._upsample_nearest_exact2d(x, [x.size(2) * 2, x.size(3) * 2], None, None)
        x = self.convolve(x, w[at], w[at + 1])
        at = at + 2
    x = self.convolve(torch.silu(self.norm(x, w[at])), w[at + 1], w[at + 2])
    return x.squeeze(0).to(6).clamp(-1., 1.)

  # pixels [3, H, W] in [-1, 1] -> [H, W, 3] uint8 on the CPU, halves rounded to even
  def to_bytes(self: __torch__.Graph, pixels: Tensor) -> Tensor:
    x = torch.round((pixels * 0.5 + 0.5) * 255.).to(0)
    return x.permute([1, 2, 0]).contiguous().to(torch.device("cpu"))
