# DINOv3 vision transformer with gated MLP; the embedding is the normalised CLS token.
# N images, T tokens (CLS, registers, patches), D hidden size; weights in the order of DinoV3Config.
class Graph(Module):
  __parameters__ = []
  __buffers__ = []

  # crops [N, H, W, 3] uint8 -> tokens [N, T, D]
  def start(self: __torch__.Graph, crops: Tensor, w: List[Tensor], size: int) -> Tensor:
    device = w[2].device
    n = crops.size(0)
    patch = w[2].size(2)
    g = size // patch
    x = crops.permute([0, 3, 1, 2]).contiguous().to(6) / 255.
    x = torch._upsample_bilinear2d_aa(x, [size, size], False, None, None)
    mean = torch.tensor([0.485, 0.456, 0.406], dtype=6, device=device).view([1, 3, 1, 1])
    std = torch.tensor([0.229, 0.224, 0.225], dtype=6, device=device).view([1, 3, 1, 1])
    x = ((x - mean) / std).to(w[2].dtype)
    x = x.view([n, 3, g, patch, g, patch]).permute([0, 2, 4, 1, 3, 5]).reshape([n, g * g, -1])
    x = torch.linear(x, w[2].flatten(1), w[3])
    return torch.cat([w[0].expand([n, -1, -1]), w[1].expand([n, -1, -1]), x], 1)

  # cosines and sines of the rotary positions of all tokens, [2, T, 1, head] in the type of x: patch centres in [-1, 1],
  # angle = 2 pi * coordinate * theta^(-4i / head); tokens before the patches are not turned. The sines of a head's first
  # half are negative, see rotate
  def rotary(self: __torch__.Graph, x: Tensor, patches: int, head: int, theta: float) -> Tensor:
    device = x.device
    centres = (torch.arange(patches, dtype=6, layout=None, device=device) + 0.5) / patches * 2. - 1.
    rows = centres.repeat_interleave(patches)
    columns = centres.repeat([patches])
    exponents = torch.arange(head // 4, dtype=6, layout=None, device=device) * 4. / head
    frequencies = torch.reciprocal(torch.pow(theta, exponents))
    angles = 6.283185307179586 * torch.stack([rows, columns], 1).unsqueeze(2) * frequencies
    angles = angles.flatten(1)
    angles = torch.constant_pad_nd(angles, [0, 0, x.size(1) - patches * patches, 0])
    cos = torch.cos(angles)
    sin = torch.sin(angles)
    table = torch.stack([torch.cat([cos, cos], 1), torch.cat([-sin, sin], 1)])
    return table.unsqueeze(2).to(x.dtype)

  # turns x [N, T, heads, head] by its positions: each half of a head by the other
  def rotate(self: __torch__.Graph, x: Tensor, rotary: Tensor) -> Tensor:
    return torch.addcmul(x * rotary[0], torch.roll(x, [x.size(3) // 2], [-1]), rotary[1])

  # x [N, T, D] through blocks of 17 weights each
  def blocks(self: __torch__.Graph, x: Tensor, rotary: Tensor, w: List[Tensor], heads: int, eps: float) -> Tensor:
    n = x.size(0)
    dim = [x.size(2)]
    shape = [n, -1, heads, x.size(2) // heads]
    for i in range(len(w) // 17):
      b = 17 * i
      y = torch.layer_norm(x, dim, w[b], w[b + 1], eps)
      k = self.rotate(torch.linear(y, w[b + 2]).view(shape), rotary).transpose(1, 2)
      v = torch.linear(y, w[b + 3]).view(shape).transpose(1, 2)
      q = self.rotate(torch.linear(y, w[b + 4]).view(shape), rotary).transpose(1, 2)
      y = torch.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
      x = torch.addcmul(x, torch.linear(y, w[b + 5], w[b + 6]), w[b + 7])
      y = torch.layer_norm(x, dim, w[b + 8], w[b + 9], eps)
      y = torch.silu(torch.linear(y, w[b + 10], w[b + 11])) * torch.linear(y, w[b + 12], w[b + 13])
      x = torch.addcmul(x, torch.linear(y, w[b + 14], w[b + 15]), w[b + 16])
    return x

  # x [N, T, D] -> normalised CLS token [N, D] float32 on the CPU
  def finish(self: __torch__.Graph, x: Tensor, w: List[Tensor], eps: float) -> Tensor:
    cls = torch.layer_norm(x[:, 0], [x.size(2)], w[0], w[1], eps)
    return cls.to(torch.device("cpu"), 6).contiguous()
