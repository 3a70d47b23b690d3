# SigLIP2 vision tower with its attention pooling head.
# N images, D hidden size; weights w in the order of SigLip2Encoder.weightNames.
class Graph(Module):
  __parameters__ = []
  __buffers__ = []

  def attention(self: __torch__.Graph, q: Tensor, k: Tensor, v: Tensor, heads: int) -> Tensor:
    n = q.size(0)
    head = q.size(2) // heads
    q1 = q.view([n, -1, heads, head]).transpose(1, 2)
    k1 = k.view([n, -1, heads, head]).transpose(1, 2)
    v1 = v.view([n, -1, heads, head]).transpose(1, 2)
    return torch.scaled_dot_product_attention(q1, k1, v1).transpose(1, 2).flatten(2)

  # pixels [N, 3, size, size] uint8 -> pooled embedding [N, D] float32
  def forward(self: __torch__.Graph, pixels: Tensor, w: List[Tensor], heads: int, eps: float) -> Tensor:
    dim = [w[0].size(0)]
    patch = w[0].size(2)
    x = ((pixels.to(w[0].device, 6) - 127.5) / 127.5).to(w[0].dtype)
    x = torch.conv2d(x, w[0], w[1], [patch, patch]).flatten(2).transpose(1, 2) + w[2]
    layers = (len(w) - 16) // 16
    for i in range(layers):
      b = 3 + 16 * i
      y = torch.layer_norm(x, dim, w[b], w[b + 1], eps)
      k = torch.linear(y, w[b + 2], w[b + 3])
      v = torch.linear(y, w[b + 4], w[b + 5])
      q = torch.linear(y, w[b + 6], w[b + 7])
      x = x + torch.linear(self.attention(q, k, v, heads), w[b + 8], w[b + 9])
      y = torch.layer_norm(x, dim, w[b + 10], w[b + 11], eps)
      y = torch.gelu(torch.linear(y, w[b + 12], w[b + 13]), approximate="tanh")
      x = x + torch.linear(y, w[b + 14], w[b + 15])
    h = 3 + 16 * layers
    x = torch.layer_norm(x, dim, w[h], w[h + 1], eps)
    qw, kw, vw = w[h + 3].chunk(3)
    qb, kb, vb = w[h + 4].chunk(3)
    probe = torch.linear(w[h + 2].expand([x.size(0), -1, -1]), qw, qb)
    pooled = self.attention(probe, torch.linear(x, kw, kb), torch.linear(x, vw, vb), heads)
    pooled = torch.linear(pooled, w[h + 5], w[h + 6])
    y = torch.layer_norm(pooled, dim, w[h + 7], w[h + 8], eps)
    y = torch.gelu(torch.linear(y, w[h + 9], w[h + 10]), approximate="tanh")
    pooled = pooled + torch.linear(y, w[h + 11], w[h + 12])
    return pooled.squeeze(1).to(torch.device("cpu"), 6).contiguous()
