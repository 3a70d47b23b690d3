# SigLIP2 vision tower with its attention pooling head.
# N images, T patches, D hidden size; weights in the order of SigLip2Config.
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

  # pixels [N, 3, size, size] uint8 -> embedded patches [N, T, D]; each patch is seen once, so they are one product
  def start(self: __torch__.Graph, pixels: Tensor, w: List[Tensor]) -> Tensor:
    n = pixels.size(0)
    patch = w[0].size(2)
    g = pixels.size(2) // patch
    x = ((pixels.to(6) - 127.5) / 127.5).to(w[0].dtype)
    x = x.view([n, 3, g, patch, g, patch]).permute([0, 2, 4, 1, 3, 5]).reshape([n, g * g, -1])
    return torch.linear(x, w[0].flatten(1), w[1]) + w[2]

  # x [N, T, D] through blocks of 16 weights each
  def blocks(self: __torch__.Graph, x: Tensor, w: List[Tensor], heads: int, eps: float) -> Tensor:
    dim = [x.size(2)]
    for i in range(len(w) // 16):
      b = 16 * i
      y = torch.layer_norm(x, dim, w[b], w[b + 1], eps)
      k = torch.linear(y, w[b + 2], w[b + 3])
      v = torch.linear(y, w[b + 4], w[b + 5])
      q = torch.linear(y, w[b + 6], w[b + 7])
      x = x + torch.linear(self.attention(q, k, v, heads), w[b + 8], w[b + 9])
      y = torch.layer_norm(x, dim, w[b + 10], w[b + 11], eps)
      y = torch.gelu(torch.linear(y, w[b + 12], w[b + 13]), approximate="tanh")
      x = x + torch.linear(y, w[b + 14], w[b + 15])
    return x

  # x [N, T, D] -> pooled embedding [N, D] float32 on the CPU
  def finish(self: __torch__.Graph, x: Tensor, w: List[Tensor], heads: int, eps: float) -> Tensor:
    dim = [x.size(2)]
    x = torch.layer_norm(x, dim, w[0], w[1], eps)
    qw, kw, vw = w[3].chunk(3)
    qb, kb, vb = w[4].chunk(3)
    probe = torch.linear(w[2].expand([x.size(0), -1, -1]), qw, qb)
    pooled = self.attention(probe, torch.linear(x, kw, kb), torch.linear(x, vw, vb), heads)
    pooled = torch.linear(pooled, w[5], w[6])
    y = torch.layer_norm(pooled, dim, w[7], w[8], eps)
    y = torch.gelu(torch.linear(y, w[9], w[10]), approximate="tanh")
    pooled = pooled + torch.linear(y, w[11], w[12])
    return pooled.squeeze(1).to(torch.device("cpu"), 6).contiguous()
