# Arithmetic on deltas B A that never forms them, in double precision, for m modules of one shape at once.
# a [m, R, in], b [m, out, R] of any float type. Everything large is a product; the rest is R x R.
class Graph(Module):
  __parameters__ = []
  __buffers__ = []

  # The Gram matrices A A^T and B^T B [m, R, R], of few modules at a time, for their doubles take memory
  def grams(self: __torch__.Graph, a: Tensor, b: Tensor) -> Tuple[Tensor, Tensor]:
    step = self.step(a, b)
    aa = annotate(List[Tensor], [])
    bb = annotate(List[Tensor], [])
    for i in range(0, a.size(0), step):
      da = a[i:i + step].to(7)
      db = b[i:i + step].to(7)
      aa.append(torch.matmul(da, da.transpose(1, 2)))
      bb.append(torch.matmul(db.transpose(1, 2), db))
    return (torch.cat(aa), torch.cat(bb))

  def step(self: __torch__.Graph, a: Tensor, b: Tensor) -> int:
    return max(1, 33554432 // (a.size(1) * (a.size(2) + b.size(1))))

  # Eigenvalues, smallest first, and eigenvectors. CUDA takes matrices above 32 one by one, which is slower than the CPU, and
  # the CPU too, so its threads get a part each.
  def eigh(self: __torch__.Graph, x: Tensor) -> Tuple[Tensor, Tensor]:
    symmetric = (x + x.transpose(1, 2)) / 2
    if x.size(1) <= 32:
      return self.eigh_of(symmetric)
    futures = annotate(List[Future[Tuple[Tensor, Tensor]]], [])
    for part in torch.split(symmetric.to(torch.device("cpu")), 16):
      futures.append(fork(self.eigh_of, part))
    values = annotate(List[Tensor], [])
    vectors = annotate(List[Tensor], [])
    for future in futures:
      d, v = torch.wait(future)
      values.append(d)
      vectors.append(v)
    return (torch.cat(values).to(x.device), torch.cat(vectors).to(x.device))

  def eigh_of(self: __torch__.Graph, x: Tensor) -> Tuple[Tensor, Tensor]:
    values, vectors = torch.linalg_eigh(x)
    return (values, vectors)

  # [m] -> x where it is above the floor, else zero
  def above(self: __torch__.Graph, x: Tensor, floor: Tensor) -> Tensor:
    return torch.where(x > floor.unsqueeze(1), x, torch.zeros_like(x))

  # 1 / x, and zero for zero
  def inverse(self: __torch__.Graph, x: Tensor) -> Tensor:
    return torch.where(x > 0, torch.ones_like(x) / torch.where(x > 0, x, torch.ones_like(x)), torch.zeros_like(x))

  # The singular values s of the deltas [m, R], largest first, and what makes their singular vectors of the factors:
  # U = B left, S V^T = right A, left and right^T [m, R, R].
  # B^T B = E L E^T gives B = Q S with S = L^(1/2) E^T and orthonormal Q, so that the eigenvectors of S A A^T S^T are the left
  # singular vectors of S A, and Q times them those of B A. Squares of values lose half of the digits: what is below 1e-8 of
  # the norms of A and B, which single precision does not hold either, counts as zero.
  def decompose(self: __torch__.Graph, a: Tensor, b: Tensor) -> Tuple[Tensor, Tensor, Tensor]:
    aa, bb = self.grams(a, b)
    # a row of A and its column of B are made equally long, so that neither drowns in the others
    na = aa.diagonal(0, 1, 2)
    nb = bb.diagonal(0, 1, 2)
    balance = torch.where((na * nb) > 0, torch.pow(na * self.inverse(nb), 0.25), torch.ones_like(na))
    bb = bb * balance.unsqueeze(1) * balance.unsqueeze(2)
    aa = aa / balance.unsqueeze(1) / balance.unsqueeze(2)
    trace_a = aa.diagonal(0, 1, 2).sum(1)
    trace_b = bb.diagonal(0, 1, 2).sum(1)
    epsilon = 2.220446049250313e-16

    values, vectors = self.eigh(bb)
    root = torch.sqrt(self.above(values, trace_b * epsilon))
    s = root.unsqueeze(2) * vectors.transpose(1, 2)
    squares, w = self.eigh(torch.matmul(torch.matmul(s, aa), s.transpose(1, 2)))
    squares = self.above(squares.flip(1), trace_a * trace_b * epsilon)
    w = w.flip(2)
    left = balance.unsqueeze(2) * torch.matmul(vectors, self.inverse(root).unsqueeze(2) * w)
    right = torch.matmul(w.transpose(1, 2), s) / balance.unsqueeze(1)
    return (torch.sqrt(squares), left, right)

  # -> [m, R] float64 on the CPU, largest first
  def singular_values(self: __torch__.Graph, a: Tensor, b: Tensor) -> Tensor:
    s, left, right = self.decompose(a, b)
    return s.to(torch.device("cpu")).contiguous()

  # The best approximations of a lower rank r, singular values shared evenly between its factors, into a2 [m, r, in] and
  # b2 [m, out, r] -> singular values as above
  def reduce(self: __torch__.Graph, a: Tensor, b: Tensor, a2: Tensor, b2: Tensor) -> Tensor:
    s, left, right = self.decompose(a, b)
    rank = a2.size(1)
    root = torch.sqrt(s[:, :rank])
    left = left[:, :, :rank] * root.unsqueeze(1)
    right = right[:, :rank] * self.inverse(root).unsqueeze(2)
    step = self.step(a, b)
    for i in range(0, a.size(0), step):
      u = torch.matmul(b[i:i + step].to(7), left[i:i + step])
      v = torch.matmul(right[i:i + step], a[i:i + step].to(7))
      # signs are free: the largest entry of a column of U is made positive, so that the same input gives the same output
      sign = torch.sign(u.gather(1, u.abs().argmax(1, True)))
      sign = torch.where(sign == 0, torch.ones_like(sign), sign)
      a2[i:i + step].copy_(v * sign.transpose(1, 2))
      b2[i:i + step].copy_(u * sign)
    return s.to(torch.device("cpu")).contiguous()

  # inner products of deltas: sums of (B1^T B2) * (A1 A2^T) -> [m] float64
  def inner(self: __torch__.Graph, a1: Tensor, b1: Tensor, a2: Tensor, b2: Tensor) -> Tensor:
    bb = torch.matmul(b1.to(7).transpose(1, 2), b2.to(7))
    aa = torch.matmul(a1.to(7), a2.to(7).transpose(1, 2))
    return (bb * aa).sum([1, 2])
