# Qwen2.5-VL: vision tower and language model; the embedding is the last hidden states of a fixed prompt around an image.
# N images, G merged cells a side (a cell is 2 x 2 patches), D vision width, H language width;
# weights in the order of QwenVlConfig.visionWeights and languageWeights.
class Graph(Module):
  __parameters__ = []
  __buffers__ = []

  # cosines and sines of angles [tokens, head / 2] for a whole head, [2, tokens, 1, head] in the type of `like`; the sines
  # of a head's first half are negative, see rotate
  def table(self: __torch__.Graph, angles: Tensor, like: Tensor) -> Tensor:
    cos = torch.cos(angles)
    sin = torch.sin(angles)
    return torch.stack([torch.cat([cos, cos], 1), torch.cat([-sin, sin], 1)]).unsqueeze(2).to(like.dtype)

  # turns x [N, tokens, heads, head] by its positions: each half of a head by the other
  def rotate(self: __torch__.Graph, x: Tensor, rotary: Tensor) -> Tensor:
    return torch.addcmul(x * rotary[0], torch.roll(x, [x.size(3) // 2], [-1]), rotary[1])

  def frequencies(self: __torch__.Graph, count: int, theta: float, device: Device) -> Tensor:
    exponents = torch.arange(count, dtype=6, layout=None, device=device) / count
    return torch.reciprocal(torch.pow(theta, exponents))

  # q, k, v [N, tokens, heads, head] -> [N, tokens, heads * head], within runs of `length` tokens
  def attend(self: __torch__.Graph, q: Tensor, k: Tensor, v: Tensor, length: int) -> Tensor:
    n = q.size(0)
    heads = q.size(2)
    head = q.size(3)
    q1 = q.reshape([-1, length, heads, head]).transpose(1, 2)
    k1 = k.reshape([-1, length, heads, head]).transpose(1, 2)
    v1 = v.reshape([-1, length, heads, head]).transpose(1, 2)
    return torch.scaled_dot_product_attention(q1, k1, v1).transpose(1, 2).reshape([n, -1, heads * head])

  # a weight with zeros at the end of a dimension: GPUs have no fast products for rows of an odd length
  def padded(self: __torch__.Graph, w: Tensor, pad: List[int]) -> Tensor:
    longer = w
    if pad[len(pad) - 1] > 0:
      longer = torch.constant_pad_nd(w, pad)
    return longer

  # pixels [N, 3, S, S] uint8 -> embedded patches [N, 4 * G * G, D], cell by cell in the given order
  def vision_start(self: __torch__.Graph, pixels: Tensor, w: List[Tensor], order: List[int]) -> Tensor:
    device = w[0].device
    n = pixels.size(0)
    patch = w[0].size(3)
    g = pixels.size(2) // patch // 2
    mean = torch.tensor([122.7709383, 116.7460125, 104.09373615], dtype=6, device=device).view([1, 3, 1, 1])
    std = torch.tensor([68.5005327, 66.6321579, 70.32316305], dtype=6, device=device).view([1, 3, 1, 1])
    x = ((pixels.to(6) - mean) / std).to(w[0].dtype)
    x = x.view([n, 3, g, 2, patch, g, 2, patch]).permute([0, 2, 5, 3, 6, 1, 4, 7])
    # a still image is a video whose two frames are the same
    x = x.reshape([n, g * g, 4, 3, 1, patch * patch]).expand([-1, -1, -1, -1, 2, -1]).reshape([n, g * g, 4, -1])
    cell = torch.tensor(order, dtype=4, device=device)
    return torch.linear(x, w[0].flatten(1)).index_select(1, cell).flatten(1, 2)

  # the rotary positions of the patches of these cells, in the type of x
  def vision_rotary(self: __torch__.Graph, x: Tensor, order: List[int], g: int, head: int) -> Tensor:
    cell = torch.tensor(order, dtype=4, device=x.device)
    part = torch.arange(4, dtype=4, layout=None, device=x.device)
    rows = ((cell // g).unsqueeze(1) * 2 + part // 2).flatten().unsqueeze(1)
    columns = ((cell % g).unsqueeze(1) * 2 + part % 2).flatten().unsqueeze(1)
    frequencies = self.frequencies(head // 4, 10000., x.device)
    return self.table(torch.cat([rows * frequencies, columns * frequencies], 1), x)

  # x [N, 4 * G * G, D] through blocks of 12 weights each, number `first` being the first of them. Cells stand window by
  # window, windows of one size together: counts[i] windows of cells[i] cells. Blocks in `full` attend to the whole image
  def vision_blocks(self: __torch__.Graph, x: Tensor, rotary: Tensor, w: List[Tensor], first: int, counts: List[int], cells: List[int], full: List[int], heads: int) -> Tensor:
    n = x.size(0)
    width = x.size(2)
    pad = -w[6].size(0) % 64
    for i in range(len(w) // 12):
      b = 12 * i
      y = torch.rms_norm(x, [width], w[b], 1e-06)
      q, k, v = torch.linear(y, w[b + 2], w[b + 3]).view([n, -1, 3, heads, width // heads]).unbind(2)
      q = self.rotate(q, rotary)
      k = self.rotate(k, rotary)
      if first + i in full:
        y = self.attend(q, k, v, q.size(1))
      else:
        windows = annotate(List[Tensor], [])
        start = 0
        for j in range(len(counts)):
          end = start + counts[j] * cells[j] * 4
          windows.append(self.attend(q[:, start:end], k[:, start:end], v[:, start:end], cells[j] * 4))
          start = end
        y = torch.cat(windows, 1)
      x = x + torch.linear(y, w[b + 4], w[b + 5])
      y = torch.rms_norm(x, [width], w[b + 1], 1e-06)
      gate = torch.linear(y, self.padded(w[b + 6], [0, 0, 0, pad]), self.padded(w[b + 7], [0, pad]))
      up = torch.linear(y, self.padded(w[b + 8], [0, 0, 0, pad]), self.padded(w[b + 9], [0, pad]))
      x = x + torch.linear(torch.silu(gate) * up, self.padded(w[b + 10], [0, pad]), w[b + 11])
    return x

  # x [N, 4 * G * G, D] -> cells [N, G * G, H] in row order
  def vision_finish(self: __torch__.Graph, x: Tensor, w: List[Tensor], order: List[int]) -> Tensor:
    n = x.size(0)
    width = x.size(2)
    x = torch.rms_norm(x, [width], w[0], 1e-06).view([n, -1, 4 * width])
    x = torch.linear(torch.gelu(torch.linear(x, w[1], w[2])), w[3], w[4])
    return x.index_select(1, torch.argsort(torch.tensor(order, dtype=4, device=x.device)))

  # cells [N, G * G, H], prompt [T, H]: the embedded tokens of the prompt, `before` of them in front of the image
  # -> [N, T + G * G, H]
  def language_start(self: __torch__.Graph, cells: Tensor, prompt: Tensor, before: int) -> Tensor:
    tokens = prompt.unsqueeze(0).expand([cells.size(0), -1, -1])
    return torch.cat([tokens[:, :before], cells, tokens[:, before:]], 1)

  # the rotary positions of x's tokens, in its type: time, height and width each turn their own share of a head
  # `grid` gives cells positions in all three (M-RoPE), else they count on as text does
  def language_rotary(self: __torch__.Graph, x: Tensor, g: int, before: int, theta: float, sections: List[int], grid: bool) -> Tensor:
    device = x.device
    frequencies = self.frequencies(sections[0] + sections[1] + sections[2], theta, device)
    if grid:
      # the image stands at one point in time; a cell's row and column count on from there, the text from their end
      front = torch.arange(before, dtype=6, layout=None, device=device)
      side = torch.arange(g, dtype=6, layout=None, device=device) + before
      back = torch.arange(x.size(1) - g * g - before, dtype=6, layout=None, device=device) + (before + g)
      frame = torch.full([g * g], before, dtype=6, layout=None, device=device)
      time = torch.cat([front, frame, back])
      height = torch.cat([front, side.repeat_interleave(g), back])
      across = torch.cat([front, side.repeat([g]), back])
    else:
      time = torch.arange(x.size(1), dtype=6, layout=None, device=device)
      height = time
      across = time
    angles = [time.unsqueeze(1) * frequencies, height.unsqueeze(1) * frequencies, across.unsqueeze(1) * frequencies]
    s = sections[0]
    t = s + sections[1]
    return self.table(torch.cat([angles[0][:, :s], angles[1][:, s:t], angles[2][:, t:]], 1), x)

  # the same with each product rounded before they are added, as the reference does it, so that the bits are its own
  def rotate_text(self: __torch__.Graph, x: Tensor, rotary: Tensor) -> Tensor:
    return x * rotary[0] + torch.roll(x, [x.size(3) // 2], [-1]) * rotary[1]

  # x [N, tokens, H] through layers of 12 weights each
  def language_blocks(self: __torch__.Graph, x: Tensor, rotary: Tensor, w: List[Tensor], heads: int, kv_heads: int, eps: float) -> Tensor:
    n = x.size(0)
    width = x.size(2)
    head = width // heads
    for i in range(len(w) // 12):
      b = 12 * i
      y = torch.rms_norm(x, [width], w[b], eps)
      q = self.rotate_text(torch.linear(y, w[b + 1], w[b + 2]).view([n, -1, heads, head]), rotary).transpose(1, 2)
      k = self.rotate_text(torch.linear(y, w[b + 3], w[b + 4]).view([n, -1, kv_heads, head]), rotary).transpose(1, 2)
      v = torch.linear(y, w[b + 5], w[b + 6]).view([n, -1, kv_heads, head]).transpose(1, 2)
      k = k.unsqueeze(2).expand([-1, -1, heads // kv_heads, -1, -1]).flatten(1, 2)
      v = v.unsqueeze(2).expand([-1, -1, heads // kv_heads, -1, -1]).flatten(1, 2)
      y = torch.scaled_dot_product_attention(q, k, v, None, 0., True).transpose(1, 2).flatten(2)
      x = x + torch.linear(y, w[b + 7])
      y = torch.rms_norm(x, [width], w[b + 8], eps)
      y = torch.silu(torch.linear(y, w[b + 9])) * torch.linear(y, w[b + 10])
      x = x + torch.linear(y, w[b + 11])
    return x

  # x [N, tokens, H] -> hidden states after the final norm without the first `drop`
  def language_finish(self: __torch__.Graph, x: Tensor, w: List[Tensor], eps: float, drop: int) -> Tensor:
    return torch.rms_norm(x[:, drop:], [x.size(2)], w[0], eps)

  # the hidden states as float32 on the CPU
  def to_host(self: __torch__.Graph, x: Tensor) -> Tensor:
    return x.flatten(1).to(torch.device("cpu"), 6).contiguous()
