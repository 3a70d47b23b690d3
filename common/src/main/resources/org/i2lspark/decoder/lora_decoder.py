# Maps image embeddings to LoRA factors. All first layers are one product; the second layers are one batched product for
# each bucket, that is for each kind (A or B) and size of factor.
# N images, D embedding size, C compressed size, M factors in all, m factors in a bucket, F = rank * dim values a factor.
# A LoRA is one run of elements: a bucket of m factors begins at before * R, R being its rank and before what the buckets in
# front of it take at rank 1, and is [m, R, in] or [m, out, R].
class Graph(Module):
  __parameters__ = []
  __buffers__ = []

  # What the Coarse and Fine decoders add to h, one vector for each transformer block and image.
  # tokens [N, T, H], proj_in [K, P, H] and proj_out [K, C, T * P] of K blocks -> [N, K * C] float32 on the CPU
  def residual(self: __torch__.Graph, tokens: Tensor, proj_in: Tensor, proj_out: Tensor) -> Tensor:
    n = tokens.size(0)
    k = proj_in.size(0)
    x = torch.linear(tokens.to(proj_in.dtype) * 0.05, proj_in.flatten(0, 1))
    x = x.view([n, -1, k, proj_in.size(1)]).permute([2, 0, 1, 3]).reshape([k, n, -1])
    r = torch.bmm(x, proj_out.transpose(1, 2)).transpose(0, 1)
    return r.reshape([n, -1]).to(torch.device("cpu"), 6).contiguous()

  # What the second layers of all factors start from: x [N, D] float32, first [M, C, D] -> [M, N, C];
  # residual [N, K * C], empty for a decoder without, is added to factor i as blocks[i] says
  def hidden(self: __torch__.Graph, x: Tensor, residual: Tensor, blocks: List[int], first: Tensor) -> Tensor:
    n = x.size(0)
    h = torch.linear(x.to(first.device, first.dtype), first.flatten(0, 1))
    h = h.view([n, first.size(0), first.size(1)])
    if residual.numel() > 0:
      r = residual.to(first.device, first.dtype).view([n, -1, first.size(1)])
      h = h + r.index_select(1, torch.tensor(blocks, dtype=4, device=first.device))
    return h.transpose(0, 1)

  # The factors of one bucket, start being that of its first factor: hidden [M, N, C], second [m, F, C] -> [m, N, F]
  def bucket(self: __torch__.Graph, hidden: Tensor, start: int, second: Tensor) -> Tensor:
    return torch.bmm(hidden[start:start + second.size(0)], second.transpose(1, 2))

  # A of styles of counts[s] images, times 1/counts[s], to its place along the rank of LoRAs of ranks[s], which is behind
  # that of the decoders before: factors [m, N, rank * in], spent afterwards
  def put_a(self: __torch__.Graph, factors: Tensor, counts: List[int], decoder: int, rank: int, before: int, ranks: List[int], loras: List[Tensor]) -> None:
    m = factors.size(0)
    size = factors.size(2) // rank
    first = 0
    for s in range(len(loras)):
      joined = counts[s] * rank
      images = factors.narrow(1, first, counts[s])
      if counts[s] > 1:
        images.div_(counts[s])
      bucket = loras[s].narrow(0, before * ranks[s], m * ranks[s] * size).view([m, ranks[s], size])
      bucket.narrow(1, decoder * joined, joined).view([m, counts[s], rank, size]).copy_(images.view([m, counts[s], rank, size]))
      first += counts[s]

  # B of the same: factors [m, N, out * rank]
  def put_b(self: __torch__.Graph, factors: Tensor, counts: List[int], decoder: int, rank: int, before: int, ranks: List[int], loras: List[Tensor]) -> None:
    m = factors.size(0)
    size = factors.size(2) // rank
    first = 0
    for s in range(len(loras)):
      joined = counts[s] * rank
      images = factors.narrow(1, first, counts[s]).view([m, counts[s], size, rank]).transpose(1, 2)
      bucket = loras[s].narrow(0, before * ranks[s], m * ranks[s] * size).view([m, size, ranks[s]])
      bucket.narrow(2, decoder * joined, joined).view([m, size, counts[s], rank]).copy_(images)
      first += counts[s]

  # Factors that are merged already to the end of the rank: A [m, rank, in] along dimension 1 or B [m, out, rank] along 2
  def put_last(self: __torch__.Graph, factors: Tensor, dim: int, before: int, ranks: List[int], loras: List[Tensor]) -> None:
    rank = factors.size(dim)
    for s in range(len(loras)):
      shape = list(factors.size())
      shape[dim] = ranks[s]
      length = factors.numel() // rank * ranks[s]
      bucket = loras[s].narrow(0, before * ranks[s], length).view(shape)
      bucket.narrow(dim, ranks[s] - rank, rank).copy_(factors)
