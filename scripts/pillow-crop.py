#!/usr/bin/env python3
# Times Pillow on what i2l bench calls "crop and resize to 1024". Needs Pillow: scripts/pillow-crop.py IMAGE
import sys
import time

import PIL
from PIL import Image

image = Image.open(sys.argv[1]).convert('RGB')
scale = 1024 / min(image.size)
width, height = (round(side * scale) for side in image.size)
left, top = (width - 1024) // 2, (height - 1024) // 2
times = []
for _ in range(15):
    start = time.perf_counter()
    image.resize((width, height), Image.BILINEAR).crop((left, top, left + 1024, top + 1024))
    times.append(time.perf_counter() - start)
print(f'Pillow {PIL.__version__}: {sorted(times)[7] * 1e3:.1f} ms')
