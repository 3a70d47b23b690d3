# Qwen2.5-VL: vision tower and language model; the embedding is the last hidden states of a fixed prompt around an image.
# N images, G merged cells a side (a cell is 2 x 2 patches), D vision width, H language width;
# weights in the order of QwenVlConfig.visionWeights and languageWeights.
class Graph(Module):
  __parameters__ = []
  __buffers__ = []

  # cosines and sines of angles [tokens, head / 2], doubled to the width of a head
  def rotary(self: __torch__.Graph, angles: Tensor) -> List[Tensor]:
    doubled = torch.cat([angles, angles], -1)
    return [torch.cos(doubled), torch.sin(doubled)]

  def rotate(self: __torch__.Graph, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    a, b = x.chunk(2, -1)
    return x * cos + torch.cat([-b, a], -1) * sin

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

  # pixels [N, 3, S, S] uint8 -> cells [N, G * G, H] in row order. `order` lists the cells window by window, windows of
  # one size together: counts[i] windows of cells[i] cells. Blocks in `full` attend to the whole image.
  def vision(self: __torch__.Graph, pixels: Tensor, w: List[Tensor], order: List[int], counts: List[int], cells: List[int], full: List[int], heads: int) -> Tensor:
    dtype = w[0].dtype
    device = w[0].device
    n = pixels.size(0)
    width = w[0].size(0)
    patch = w[0].size(3)
    g = pixels.size(2) // patch // 2
    head = width // heads
    mean = torch.tensor([122.7709383, 116.7460125, 104.09373615], dtype=6, device=device).view([1, 3, 1, 1])
    std = torch.tensor([68.5005327, 66.6321579, 70.32316305], dtype=6, device=device).view([1, 3, 1, 1])
    x = (pixels.to(device, 6) - mean) / std
    x = x.view([n, 3, g, 2, patch, g, 2, patch]).permute([0, 2, 5, 3, 6, 1, 4, 7])
    # a still image is a video whose two frames are the same
    x = x.reshape([n, g * g, 4, 3, 1, patch * patch]).expand([-1, -1, -1, -1, 2, -1]).reshape([n, g * g, 4, -1])
    cell = torch.tensor(order, dtype=4, device=device)
    x = torch.linear(x.to(dtype), w[0].flatten(1)).index_select(1, cell).flatten(1, 2)
    part = torch.arange(4, dtype=4, layout=None, device=device)
    rows = ((cell // g).unsqueeze(1) * 2 + part // 2).flatten().unsqueeze(1)
    columns = ((cell % g).unsqueeze(1) * 2 + part % 2).flatten().unsqueeze(1)
    frequencies = self.frequencies(head // 4, 10000., device)
    rotary = self.rotary(torch.cat([rows * frequencies, columns * frequencies], -1))
    cos = rotary[0].unsqueeze(1)
    sin = rotary[1].unsqueeze(1)
    for i in range((len(w) - 6) // 12):
      b = 1 + 12 * i
      y = torch.rms_norm(x, [width], w[b], 1e-06)
      q, k, v = torch.linear(y, w[b + 2], w[b + 3]).view([n, -1, 3, heads, head]).unbind(2)
      q = self.rotate(q.to(6), cos, sin).to(dtype)
      k = self.rotate(k.to(6), cos, sin).to(dtype)
      if i in full:
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
      y = torch.silu(torch.linear(y, w[b + 6], w[b + 7])) * torch.linear(y, w[b + 8], w[b + 9])
      x = x + torch.linear(y, w[b + 10], w[b + 11])
    m = len(w) - 5
    x = torch.rms_norm(x, [width], w[m], 1e-06).view([n, g * g, 4 * width])
    x = torch.linear(torch.gelu(torch.linear(x, w[m + 1], w[m + 2])), w[m + 3], w[m + 4])
    return x.index_select(1, torch.argsort(cell))

  # cells [N, G * G, H], prompt [T, H]: the embedded tokens of the prompt, `before` of them in front of the image
  # `grid` gives cells positions in time, height and width (M-RoPE), else they count on as text does
  # -> hidden states after the final norm without the first `drop`, [N, T + G * G - drop, H]
  def language(self: __torch__.Graph, cells: Tensor, g: int, prompt: Tensor, before: int, w: List[Tensor], heads: int, kv_heads: int, theta: float, sections: List[int], grid: bool, eps: float, drop: int) -> Tensor:
    dtype = w[0].dtype
    device = w[0].device
    n = cells.size(0)
    width = w[0].size(0)
    head = w[1].size(0) // heads
    tokens = prompt.unsqueeze(0).expand([n, -1, -1])
    x = torch.cat([tokens[:, :before], cells, tokens[:, before:]], 1)
    frequencies = self.frequencies(head // 2, theta, device)
    if grid:
      # the image stands at one point in time; a cell's row and column count on from there, the text from their end
      front = torch.arange(before, dtype=6, layout=None, device=device)
      side = torch.arange(g, dtype=6, layout=None, device=device) + before
      back = torch.arange(prompt.size(0) - before, dtype=6, layout=None, device=device) + (before + g)
      frame = torch.full([g * g], before, dtype=6, layout=None, device=device)
      time = torch.cat([front, frame, back])
      height = torch.cat([front, side.repeat_interleave(g), back])
      across = torch.cat([front, side.repeat([g]), back])
    else:
      time = torch.arange(x.size(1), dtype=6, layout=None, device=device)
      height = time
      across = time
    # time, height and width each turn their own share of a head
    angles = [time.unsqueeze(1) * frequencies, height.unsqueeze(1) * frequencies, across.unsqueeze(1) * frequencies]
    s = sections[0]
    t = s + sections[1]
    rotary = self.rotary(torch.cat([angles[0][:, :s], angles[1][:, s:t], angles[2][:, t:]], -1))
    cos = rotary[0].to(dtype)
    sin = rotary[1].to(dtype)
    for i in range((len(w) - 1) // 12):
      b = 12 * i
      y = torch.rms_norm(x, [width], w[b], eps)
      q = torch.linear(y, w[b + 1], w[b + 2]).view([n, -1, heads, head]).transpose(1, 2)
      k = torch.linear(y, w[b + 3], w[b + 4]).view([n, -1, kv_heads, head]).transpose(1, 2)
      v = torch.linear(y, w[b + 5], w[b + 6]).view([n, -1, kv_heads, head]).transpose(1, 2)
      q = self.rotate(q, cos, sin)
      k = self.rotate(k, cos, sin)
      k = k.unsqueeze(2).expand([-1, -1, heads // kv_heads, -1, -1]).flatten(1, 2)
      v = v.unsqueeze(2).expand([-1, -1, heads // kv_heads, -1, -1]).flatten(1, 2)
      y = torch.scaled_dot_product_attention(q, k, v, None, 0., True).transpose(1, 2).flatten(2)
      x = x + torch.linear(y, w[b + 7])
      y = torch.rms_norm(x, [width], w[b + 8], eps)
      y = torch.silu(torch.linear(y, w[b + 9])) * torch.linear(y, w[b + 10])
      x = x + torch.linear(y, w[b + 11])
    return torch.rms_norm(x, [width], w[len(w) - 1], eps)[:, drop:]

  # the hidden states as float32 on the CPU
  def to_host(self: __torch__.Graph, x: Tensor) -> Tensor:
    return x.flatten(1).to(torch.device("cpu"), 6).contiguous()
