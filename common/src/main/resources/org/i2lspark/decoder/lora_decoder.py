# Maps image embeddings to LoRA factors. All first layers are one product; the second layers are one batched product for
# each bucket, that is for each kind (A or B) and size of factor.
# N images, D embedding size, C compressed size, M factors in all, m factors in a bucket, F = rank * dim values a factor.
class Graph(Module):
  __parameters__ = []
  __buffers__ = []

  # x [N, D] float32, first [M, C, D], second [m, F, C] for each bucket -> [m, F, N] for each bucket
  def forward(self: __torch__.Graph, x: Tensor, first: Tensor, second: List[Tensor]) -> List[Tensor]:
    h = torch.linear(x.to(first.device, first.dtype), first.flatten(0, 1))
    h = h.view([x.size(0), first.size(0), first.size(1)]).permute([1, 2, 0])
    factors = annotate(List[Tensor], [])
    start = 0
    for i in range(len(second)):
      end = start + second[i].size(0)
      factors.append(torch.bmm(second[i], h[start:end]))
      start = end
    return factors

  # A of one style from its images first..first+count: factors [m, rank * in, N] -> [m, count * rank, in], times 1/count
  def merge_a(self: __torch__.Graph, factors: Tensor, first: int, count: int, rank: int, dtype: int) -> Tensor:
    images = factors.narrow(2, first, count).permute([0, 2, 1])
    merged = images.reshape([factors.size(0), count * rank, -1]) / count
    return merged.to(torch.device("cpu"), dtype).contiguous()

  # B of one style from its images first..first+count: factors [m, out * rank, N] -> [m, out, count * rank]
  def merge_b(self: __torch__.Graph, factors: Tensor, first: int, count: int, rank: int, dtype: int) -> Tensor:
    m = factors.size(0)
    images = factors.narrow(2, first, count).reshape([m, -1, rank, count])
    merged = images.permute([0, 1, 3, 2]).reshape([m, -1, count * rank])
    return merged.to(torch.device("cpu"), dtype).contiguous()
