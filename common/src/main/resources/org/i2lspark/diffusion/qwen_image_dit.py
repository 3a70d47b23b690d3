# Qwen-Image's diffusion transformer (DiT): text and image in two streams that attend to each other.
# N images, T tokens of text, L tokens of an image, D = heads * head the width, S steps; M is N or 1, for what all share.
# Weights in the order of DitConfig's ends, block and modulations. A LoRA is a list of pairs of factors, A [M, rank, in] and
# B [M, out, rank], as many of them for each linear layer, in the order of the layers; a rank of 0 stands for none.
class Graph(Module):
  __parameters__ = []
  __buffers__ = []

  # what the LoRAs add to a linear layer's output y [N, tokens, out] for x [N, tokens, in]
  def adapt(self: __torch__.Graph, y: Tensor, x: Tensor, lora: List[Tensor]) -> Tensor:
    for i in range(len(lora) // 2):
      a = lora[2 * i]
      b = lora[2 * i + 1]
      if a.size(1) > 0:
        if a.size(0) == 1:
          y = y + torch.linear(torch.linear(x, a[0]), b[0])
        else:
          y = torch.baddbmm(y, torch.bmm(x, a.transpose(1, 2)), b.transpose(1, 2))
    return y

  # linear layer number `layer` of those whose weights and biases w begins with, of `layers` that may be adapted
  def linear(self: __torch__.Graph, x: Tensor, w: List[Tensor], layer: int, layers: int, lora: List[Tensor]) -> Tensor:
    y = torch.linear(x, w[2 * layer], w[2 * layer + 1])
    each = len(lora) // layers
    return self.adapt(y, x, lora[each * layer:each * layer + each])

  # sigma [S] float32, w the two layers of the timestep's embedding -> silu of it [S, D] in float32, all that modulations see.
  # In float32 whatever the weights are: to round sigma or the frequencies is what bfloat16 would lose most by
  def time(self: __torch__.Graph, sigma: Tensor, w: List[Tensor], lora: List[Tensor]) -> Tensor:
    device = w[0].device
    half = w[0].size(1) // 2
    steps = torch.arange(half, dtype=6, layout=None, device=device) / half
    frequencies = torch.exp(steps * -9.210340371976184)
    angles = sigma.to(device, 6).unsqueeze(1) * frequencies * 1000.
    x = torch.cat([torch.cos(angles), torch.sin(angles)], 1).unsqueeze(0)
    w1 = annotate(List[Tensor], [])
    for i in range(4):
      w1.append(w[i].to(6))
    lora1 = annotate(List[Tensor], [])
    for i in range(len(lora)):
      lora1.append(lora[i].to(6))
    x = torch.silu(self.linear(x, w1, 0, 2, lora1))
    return torch.silu(self.linear(x, w1, 1, 2, lora1)).squeeze(0)

  # writes what a linear layer makes of time [S, D] into table [S, ...], in its type
  def write(self: __torch__.Graph, table: Tensor, time: Tensor, w: Tensor, b: Tensor) -> None:
    table.copy_(torch.linear(time.to(w.dtype), w, b))

  # modulations [S, blocks, 2, 6 * D] of a block, w the weights and biases of the image's and the text's layer
  def write_block(self: __torch__.Graph, table: Tensor, block: int, time: Tensor, w: List[Tensor]) -> None:
    self.write(table[:, block, 0], time, w[0], w[1])
    self.write(table[:, block, 1], time, w[2], w[3])

  # adds to a block's modulations what LoRAs add; stream 0 is the image's, 1 the text's
  def adapt_block(self: __torch__.Graph, table: Tensor, block: int, stream: int, time: Tensor, lora: List[Tensor]) -> None:
    part = table[:, block, stream]
    part.copy_(self.adapt(part.unsqueeze(0), time.to(part.dtype).unsqueeze(0), lora).squeeze(0))

  def output_modulation(self: __torch__.Graph, time: Tensor, w: List[Tensor], lora: List[Tensor]) -> Tensor:
    return self.linear(time.to(w[0].dtype).unsqueeze(0), w, 0, 1, lora).squeeze(0)

  def clone(self: __torch__.Graph, x: Tensor) -> Tensor:
    return x.clone()

  def stack(self: __torch__.Graph, x: List[Tensor]) -> Tensor:
    return torch.stack(x)

  # The factors of the LoRAs of M images, counts[i] of them those of image i, put together along the rank, which is dimension
  # 0 of A [rank, in] and 1 of B [out, rank], with zeros up to the highest rank -> [M, rank, in] or [M, out, rank]
  def join(self: __torch__.Graph, factors: List[Tensor], counts: List[int], dim: int) -> Tensor:
    joined = annotate(List[Tensor], [])
    rank = 0
    start = 0
    for i in range(len(counts)):
      own = annotate(List[Tensor], [])
      own.append(factors[0].narrow(dim, 0, 0))
      for j in range(counts[i]):
        own.append(factors[start + j])
      start = start + counts[i]
      image = torch.cat(own, dim)
      rank = max(rank, image.size(dim))
      joined.append(image)
    padded = annotate(List[Tensor], [])
    for i in range(len(joined)):
      missing = rank - joined[i].size(dim)
      pad = [0, missing]
      if dim == 0:
        pad = [0, 0, 0, missing]
      padded.append(torch.constant_pad_nd(joined[i], pad))
    return torch.stack(padded)

  # a linear layer's weights [out, in] with factors A [1, rank, in] and B [1, out, rank] added, rounded once
  def fuse(self: __torch__.Graph, w: Tensor, a: Tensor, b: Tensor) -> Tensor:
    return torch.addmm(w.to(6), b[0].to(6), a[0].to(6)).to(w.dtype)

  # angles of `count` positions from `first` on, [count, axis / 2]
  def angles(self: __torch__.Graph, first: int, count: int, axis: int, device: Device) -> Tensor:
    positions = torch.arange(count, dtype=6, layout=None, device=device) + first
    exponents = torch.arange(0, axis, 2, dtype=6, layout=None, device=device) / axis
    return positions.unsqueeze(1) * torch.reciprocal(torch.pow(10000., exponents))

  # cosines and sines [2, T + L, 1, head / 2]: rows and columns are counted from the middle of the picture, text goes on along
  # the diagonal, from where the longer side ends
  def rotary(self: __torch__.Graph, text: int, rows: int, columns: int, axes: List[int], device: str) -> Tensor:
    on = torch.device(device)
    frame = torch.zeros([rows, columns, axes[0] // 2], dtype=6, layout=None, device=on)
    down = self.angles(rows // 2 - rows, rows, axes[1], on).unsqueeze(1).expand([-1, columns, -1])
    across = self.angles(columns // 2 - columns, columns, axes[2], on).unsqueeze(0).expand([rows, -1, -1])
    image = torch.cat([frame, down, across], -1).flatten(0, 1)
    start = max(rows // 2, columns // 2)
    words = [self.angles(start, text, axes[0], on), self.angles(start, text, axes[1], on), self.angles(start, text, axes[2], on)]
    angles = torch.cat([torch.cat(words, -1), image], 0).unsqueeze(1)
    return torch.stack([torch.cos(angles), torch.sin(angles)])

  # turns x [N, tokens, heads, head] by its positions: neighbouring channels are one complex number
  def rotate(self: __torch__.Graph, x: Tensor, rotary: Tensor) -> Tensor:
    a, b = x.to(6).unflatten(-1, [-1, 2]).unbind(-1)
    cos = rotary[0]
    sin = rotary[1]
    return torch.stack([a * cos - b * sin, a * sin + b * cos], -1).flatten(-2).to(x.dtype)

  # x [N, tokens, D] after a layer norm without weights, times 1 + scale, plus shift, both [M, 1, D]
  def modulate(self: __torch__.Graph, x: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
    return torch.layer_norm(x, [x.size(2)], None, None, 1e-06) * (scale + 1) + shift

  # embeddings [N, T, H] -> text [N, T, D]; w the weights outside of blocks
  def text_in(self: __torch__.Graph, embeddings: Tensor, w: List[Tensor], lora: List[Tensor]) -> Tensor:
    x = embeddings.to(w[0].device, w[0].dtype)
    return self.linear(torch.rms_norm(x, [x.size(2)], w[12], 1e-06), w[6:12], 1, 3, lora)

  # latents, N of [L, 4 * channels] -> image [N, L, D]
  def image_in(self: __torch__.Graph, latents: List[Tensor], w: List[Tensor], lora: List[Tensor]) -> Tensor:
    return self.linear(torch.stack(latents).to(w[0].dtype), w[6:12], 0, 3, lora)

  # one block: text [N, T, D] and image [N, L, D] -> the same; modulations [M, S, blocks, 2, 6 * D]
  def block(self: __torch__.Graph, text: Tensor, image: Tensor, rotary: Tensor, modulations: Tensor, step: int, block: int, w: List[Tensor], lora: List[Tensor], heads: int) -> List[Tensor]:
    t = text.size(1)
    head = image.size(2) // heads
    modulation = modulations[:, step, block].unsqueeze(2)
    m = modulation[:, 0].chunk(6, -1)
    n = modulation[:, 1].chunk(6, -1)
    y = self.modulate(image, m[0], m[1])
    z = self.modulate(text, n[0], n[1])
    q = torch.rms_norm(self.linear(y, w, 0, 12, lora).unflatten(-1, [heads, head]), [head], w[24], 1e-06)
    k = torch.rms_norm(self.linear(y, w, 1, 12, lora).unflatten(-1, [heads, head]), [head], w[25], 1e-06)
    v = self.linear(y, w, 2, 12, lora).unflatten(-1, [heads, head])
    text_q = torch.rms_norm(self.linear(z, w, 3, 12, lora).unflatten(-1, [heads, head]), [head], w[26], 1e-06)
    text_k = torch.rms_norm(self.linear(z, w, 4, 12, lora).unflatten(-1, [heads, head]), [head], w[27], 1e-06)
    text_v = self.linear(z, w, 5, 12, lora).unflatten(-1, [heads, head])
    # text stands in front of the image
    q = self.rotate(torch.cat([text_q, q], 1), rotary).transpose(1, 2)
    k = self.rotate(torch.cat([text_k, k], 1), rotary).transpose(1, 2)
    v = torch.cat([text_v, v], 1).transpose(1, 2)
    y = torch.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
    image = image + m[2] * self.linear(y[:, t:], w, 6, 12, lora)
    text = text + n[2] * self.linear(y[:, :t], w, 7, 12, lora)
    y = torch.gelu(self.linear(self.modulate(image, m[3], m[4]), w, 8, 12, lora), approximate="tanh")
    image = image + m[5] * self.linear(y, w, 9, 12, lora)
    z = torch.gelu(self.linear(self.modulate(text, n[3], n[4]), w, 10, 12, lora), approximate="tanh")
    text = text + n[5] * self.linear(z, w, 11, 12, lora)
    return [text, image]

  # image [N, L, D], modulations [M, S, 2 * D] -> velocity [N, L, 4 * channels] float32
  def velocity(self: __torch__.Graph, image: Tensor, modulations: Tensor, step: int, w: List[Tensor], lora: List[Tensor]) -> Tensor:
    scale, shift = modulations[:, step].unsqueeze(1).chunk(2, -1)
    return self.linear(self.modulate(image, shift, scale), w[6:12], 2, 3, lora).to(6).contiguous()
