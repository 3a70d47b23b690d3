# Arithmetic on deltas B A that never forms them, in double precision.
# a [r, in], b [out, r] of any float type.
class Graph(Module):
  __parameters__ = []
  __buffers__ = []

  # With B = Qb Rb and A^T = Qa Ra, the singular values of B A are those of the r x r matrix Rb Ra^T.
  def core(self: __torch__.Graph, a: Tensor, b: Tensor) -> Tuple[Tensor, Tensor, Tensor]:
    qb, rb = torch.linalg_qr(b.to(7))
    qa, ra = torch.linalg_qr(a.to(7).t())
    return (qa, qb, torch.matmul(rb, ra.t()))

  # -> [r] float64, largest first
  def singular_values(self: __torch__.Graph, a: Tensor, b: Tensor) -> Tensor:
    qa, qb, core = self.core(a, b)
    u, s, vh = torch.linalg_svd(core, False)
    return s.contiguous()

  # the best approximation of rank `rank`: [a', b'] float32, singular values shared between them
  def reduce(self: __torch__.Graph, a: Tensor, b: Tensor, rank: int) -> List[Tensor]:
    qa, qb, core = self.core(a, b)
    u, s, vh = torch.linalg_svd(core, False)
    u = torch.matmul(qb, u[:, :rank])
    v = torch.matmul(vh[:rank], qa.t())
    # signs are free: the largest entry of a column of U is made positive, so that the same input gives the same output
    largest = u.abs().argmax(0, True)
    sign = torch.sign(u.gather(0, largest))
    sign = torch.where(sign == 0, torch.ones_like(sign), sign)
    root = torch.sqrt(s[:rank])
    return [(v * (sign.t() * root.unsqueeze(1))).to(6).contiguous(), (u * sign * root).to(6).contiguous()]

  # inner product of two deltas: sum of (B1^T B2) * (A1 A2^T); [1] float64
  def inner(self: __torch__.Graph, a1: Tensor, b1: Tensor, a2: Tensor, b2: Tensor) -> Tensor:
    bb = torch.matmul(b1.to(7).t(), b2.to(7))
    aa = torch.matmul(a1.to(7), a2.to(7).t())
    return (bb * aa).sum().view([1])
