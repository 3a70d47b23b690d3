# DINOv3 vision transformer with gated MLP; the embedding is the normalised CLS token.
# N images, D hidden size; weights w in the order of DinoV3Encoder.weightNames.
class Graph(Module):
  __parameters__ = []
  __buffers__ = []

  # cosines and sines of the rotary positions, each [patches * patches, head] float32: patch centres in [-1, 1],
  # angle = 2 pi * coordinate * theta^(-4i / head)
  def rotary(self: __torch__.Graph, patches: int, head: int, theta: float, device: Device) -> List[Tensor]:
    centres = (torch.arange(patches, dtype=6, layout=None, device=device) + 0.5) / patches * 2. - 1.
    rows = centres.repeat_interleave(patches)
    columns = centres.repeat([patches])
    exponents = torch.arange(head // 4, dtype=6, layout=None, device=device) * 4. / head
    frequencies = torch.reciprocal(torch.pow(theta, exponents))
    angles = 6.283185307179586 * torch.stack([rows, columns], 1).unsqueeze(2) * frequencies
    angles = angles.flatten(1).repeat([1, 2])
    return [torch.cos(angles), torch.sin(angles)]

  # turns the patch tokens of x [N, heads, tokens, head] by their positions; the first `prefix` tokens stay
  def rotate(self: __torch__.Graph, x: Tensor, cos: Tensor, sin: Tensor, prefix: int) -> Tensor:
    patches = x[:, :, prefix:]
    a, b = patches.chunk(2, -1)
    turned = patches * cos + torch.cat([-b, a], -1) * sin
    return torch.cat([x[:, :, :prefix], turned], 2)

  # crops [N, H, W, 3] uint8 -> normalised CLS token [N, D] float32
  def forward(self: __torch__.Graph, crops: Tensor, w: List[Tensor], size: int, heads: int, theta: float, eps: float) -> Tensor:
    dtype = w[2].dtype
    device = w[2].device
    n = crops.size(0)
    dim = w[2].size(0)
    head = dim // heads
    patch = w[2].size(2)
    prefix = 1 + w[1].size(1)
    x = crops.to(device).permute([0, 3, 1, 2]).contiguous().to(6) / 255.
    x = torch._upsample_bilinear2d_aa(x, [size, size], False, None, None)
    mean = torch.tensor([0.485, 0.456, 0.406], dtype=6, device=device).view([1, 3, 1, 1])
    std = torch.tensor([0.229, 0.224, 0.225], dtype=6, device=device).view([1, 3, 1, 1])
    x = torch.conv2d(((x - mean) / std).to(dtype), w[2], w[3], [patch, patch])
    rotary = self.rotary(x.size(2), head, theta, device)
    cos = rotary[0].to(dtype)
    sin = rotary[1].to(dtype)
    x = x.flatten(2).transpose(1, 2)
    x = torch.cat([w[0].expand([n, -1, -1]), w[1].expand([n, -1, -1]), x], 1)
    for i in range((len(w) - 6) // 17):
      b = 4 + 17 * i
      y = torch.layer_norm(x, [dim], w[b], w[b + 1], eps)
      k = torch.linear(y, w[b + 2]).view([n, -1, heads, head]).transpose(1, 2)
      v = torch.linear(y, w[b + 3]).view([n, -1, heads, head]).transpose(1, 2)
      q = torch.linear(y, w[b + 4]).view([n, -1, heads, head]).transpose(1, 2)
      q = self.rotate(q, cos, sin, prefix)
      k = self.rotate(k, cos, sin, prefix)
      y = torch.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
      x = x + torch.linear(y, w[b + 5], w[b + 6]) * w[b + 7]
      y = torch.layer_norm(x, [dim], w[b + 8], w[b + 9], eps)
      y = torch.silu(torch.linear(y, w[b + 10], w[b + 11])) * torch.linear(y, w[b + 12], w[b + 13])
      x = x + torch.linear(y, w[b + 14], w[b + 15]) * w[b + 16]
    last = len(w) - 2
    cls = torch.layer_norm(x[:, 0], [dim], w[last], w[last + 1], eps)
    return cls.to(torch.device("cpu"), 6).contiguous()
