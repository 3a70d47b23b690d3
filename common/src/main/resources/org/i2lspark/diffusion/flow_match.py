# From noise to latents along the velocities that the transformer gives. A token is 2 x 2 latent pixels of all channels:
# its values are [channels, 2, 2], row by row.
class Graph(Module):
  __parameters__ = []
  __buffers__ = []

  # standard normal numbers, as torch.randn makes them with a generator of this seed on the CPU, as float32
  def noise(self: __torch__.Graph, shape: List[int], seed: int, dtype: int) -> Tensor:
    cpu = torch.device("cpu")
    generator = torch.Generator(device=cpu, seed=seed)
    return torch.randn(shape, generator=generator, dtype=dtype, layout=None, device=cpu).to(6)

  # [channels, 2 * rows, 2 * columns] -> [rows * columns, 4 * channels], on a device
  def pack(self: __torch__.Graph, latents: Tensor, device: str) -> Tensor:
    channels = latents.size(0)
    x = latents.unflatten(2, [-1, 2]).unflatten(1, [-1, 2]).permute([1, 3, 0, 2, 4])
    return x.reshape([-1, 4 * channels]).to(torch.device(device))

  # the other way round
  def unpack(self: __torch__.Graph, tokens: Tensor, rows: int, columns: int) -> Tensor:
    x = tokens.view([rows, columns, -1, 2, 2]).permute([2, 0, 3, 1, 4])
    return x.reshape([-1, 2 * rows, 2 * columns])

  # away from what is not wanted, by `scale`
  def guide(self: __torch__.Graph, wanted: Tensor, unwanted: Tensor, scale: float) -> Tensor:
    return unwanted + (wanted - unwanted) * scale

  # each token of x at the length that it has in `like`
  def rescale(self: __torch__.Graph, x: Tensor, like: Tensor) -> Tensor:
    length = torch.linalg_vector_norm(like, 2, [-1], True)
    return x * (length / torch.linalg_vector_norm(x, 2, [-1], True))

  def step(self: __torch__.Graph, latents: Tensor, velocity: Tensor, change: float) -> Tensor:
    return latents + velocity * change
