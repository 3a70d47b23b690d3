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

  # What the second layers of all factors start from: x [N, D] float32, first [M, C, D] -> [M, C, N];
  # residual [N, K * C], empty for a decoder without, is added to factor i as blocks[i] says
  def hidden(self: __torch__.Graph, x: Tensor, residual: Tensor, blocks: List[int], first: Tensor) -> Tensor:
    n = x.size(0)
    h = torch.linear(x.to(first.device, first.dtype), first.flatten(0, 1))
    h = h.view([n, first.size(0), first.size(1)])
    if residual.numel() > 0:
      r = residual.to(first.device, first.dtype).view([n, -1, first.size(1)])
      h = h + r.index_select(1, torch.tensor(blocks, dtype=4, device=first.device))
    return h.permute([1, 2, 0])

  # The factors of one bucket, start being that of its first factor: hidden [M, C, N], second [m, F, C] -> [m, F, N]
  def bucket(self: __torch__.Graph, hidden: Tensor, start: int, second: Tensor) -> Tensor:
    return torch.bmm(second, hidden[start:start + second.size(0)])

  # A of the images first..first+count, times 1/count, to its place along the rank:
  # factors [m, rank * in, N], of which these images' are spent -> destination [m, R, in] from rank offset on
  def put_a(self: __torch__.Graph, factors: Tensor, first: int, count: int, rank: int, destination: Tensor, offset: int) -> None:
    m = factors.size(0)
    images = factors.narrow(2, first, count).div_(count).view([m, rank, -1, count]).permute([0, 3, 1, 2])
    destination.narrow(1, offset, count * rank).view([m, count, rank, -1]).copy_(images)

  # B of the images first..first+count to its place along the rank:
  # factors [m, out * rank, N] -> destination [m, out, R] from rank offset on
  def put_b(self: __torch__.Graph, factors: Tensor, first: int, count: int, rank: int, destination: Tensor, offset: int) -> None:
    m = factors.size(0)
    images = factors.narrow(2, first, count).view([m, -1, rank, count]).permute([0, 1, 3, 2])
    destination.narrow(2, offset, count * rank).view([m, -1, count, rank]).copy_(images)

  # Factors that are merged already, A [m, rank, in] along dimension 1 or B [m, out, rank] along 2
  def put_merged(self: __torch__.Graph, factors: Tensor, dim: int, destination: Tensor, offset: int) -> None:
    destination.narrow(dim, offset, factors.size(dim)).copy_(factors)
