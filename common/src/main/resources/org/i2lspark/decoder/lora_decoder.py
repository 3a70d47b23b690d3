# Maps image embeddings to LoRA factors. All first layers are one product; the second layers are one batched product for
# each bucket, that is for each kind (A or B) and size of factor.
# N images, D embedding size, C compressed size, M factors in all, m factors in a bucket, F = rank * dim values a factor.
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

  # x [N, D] float32, first [M, C, D], second [m, F, C] for each bucket -> [m, F, N] for each bucket;
  # residual [N, K * C], empty for a decoder without, is added to factor i as blocks[i] says
  def forward(self: __torch__.Graph, x: Tensor, residual: Tensor, blocks: List[int], first: Tensor, second: List[Tensor]) -> List[Tensor]:
    n = x.size(0)
    h = torch.linear(x.to(first.device, first.dtype), first.flatten(0, 1))
    h = h.view([n, first.size(0), first.size(1)])
    if residual.numel() > 0:
      r = residual.to(first.device, first.dtype).view([n, -1, first.size(1)])
      h = h + r.index_select(1, torch.tensor(blocks, dtype=4, device=first.device))
    h = h.permute([1, 2, 0])
    factors = annotate(List[Tensor], [])
    start = 0
    for i in range(len(second)):
      end = start + second[i].size(0)
      factors.append(torch.bmm(second[i], h[start:end]))
      start = end
    return factors

  # A of one style from its images first..first+count: factors [m, rank * in, N] -> [m, count * rank, in], times 1/count
  def merge_a(self: __torch__.Graph, factors: Tensor, first: int, count: int, rank: int) -> Tensor:
    images = factors.narrow(2, first, count).permute([0, 2, 1])
    return images.reshape([factors.size(0), count * rank, -1]) / count

  # B of one style from its images first..first+count: factors [m, out * rank, N] -> [m, out, count * rank]
  def merge_b(self: __torch__.Graph, factors: Tensor, first: int, count: int, rank: int) -> Tensor:
    m = factors.size(0)
    images = factors.narrow(2, first, count).reshape([m, -1, rank, count])
    return images.permute([0, 1, 3, 2]).reshape([m, -1, count * rank])

  # parts that follow each other along the rank, on the CPU: A [m, rank, in] along 1, B [m, out, rank] along 2
  def join(self: __torch__.Graph, parts: List[Tensor], dim: int, dtype: int) -> Tensor:
    return torch.cat(parts, dim).to(torch.device("cpu"), dtype).contiguous()
