# Draws the sample catalog: abstract pictures, each brand with a look of its own. Needs Pillow and NumPy.
import os
import numpy as np
from PIL import Image, ImageDraw, ImageFilter

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'catalog')
rng = np.random.default_rng(7)


def save(image, path, **options):
    path = os.path.join(HERE, path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    image.save(path, **options)


def field(w, h, scale):
    small = rng.random((max(2, h // scale), max(2, w // scale)))
    return np.asarray(Image.fromarray((small * 255).astype(np.uint8)).resize((w, h), Image.BICUBIC)) / 255.0


def ramp(values, colors):
    colors = np.array(colors, float)
    x = np.clip(values, 0, 1) * (len(colors) - 1)
    i = np.minimum(x.astype(int), len(colors) - 2)
    f = (x - i)[..., None]
    return Image.fromarray((colors[i] * (1 - f) + colors[i + 1] * f).astype(np.uint8))


def sky(w, h, colors):
    y = np.linspace(0, 1, h)[:, None] * np.ones((1, w))
    return ramp(y * 0.8 + 0.3 * field(w, h, 160) - 0.05, colors)


def waves(w, h, colors, frequency):
    y, x = np.mgrid[0:h, 0:w]
    phase = y / frequency + 3 * field(w, h, 200) + 1.5 * np.sin(x / 140)
    return ramp((np.sin(phase) + 1) / 2, colors)


def blocks(w, h, colors, n):
    image = Image.new('RGB', (w, h), colors[0])
    draw = ImageDraw.Draw(image)
    for _ in range(n):
        x, y, s = rng.integers(0, w), rng.integers(0, h), rng.integers(40, 320)
        color = tuple(colors[rng.integers(1, len(colors))])
        kind = rng.integers(0, 3)
        if kind == 0:
            draw.rectangle([x, y, x + s, y + s * rng.random() + 10], fill=color)
        elif kind == 1:
            draw.ellipse([x, y, x + s, y + s], fill=color)
        else:
            draw.line([x, y, x + s, y - s], fill=color, width=12)
    return image


def halftone(w, h, ink, paper, step):
    image = Image.new('RGB', (w, h), paper)
    draw = ImageDraw.Draw(image)
    tone = field(w, h, 180)
    for y in range(0, h, step):
        for x in range(0, w, step):
            r = step * 0.75 * tone[y, x]
            draw.ellipse([x - r, y - r, x + r, y + r], fill=ink)
    return image


def mosaic(w, h, colors, tile):
    return ramp(field(w, h, 140), colors).resize((w // tile, h // tile)).resize((w, h), Image.NEAREST)


def neon(w, h, colors):
    image = Image.new('RGB', (w, h), (8, 6, 22))
    draw = ImageDraw.Draw(image)
    for i in range(14):
        points = [(x, h * (0.5 + 0.4 * np.sin(x / (90 + 9 * i) + i))) for x in range(0, w, 8)]
        draw.line(points, fill=tuple(colors[i % len(colors)]), width=5)
    return Image.blend(image, image.filter(ImageFilter.GaussianBlur(9)), 0.6)


def marble(w, h, colors):
    y, x = np.mgrid[0:h, 0:w]
    return ramp(np.abs(np.sin((x + y) / 170 + 7 * field(w, h, 120))), colors)


DAWN = [(255, 214, 165), (255, 154, 139), (190, 98, 148), (64, 50, 110)]
DUSK = [(24, 28, 66), (86, 54, 130), (226, 103, 109), (252, 191, 114)]
POLAR = [(5, 16, 40), (12, 84, 96), (90, 214, 160), (224, 255, 232)]
PRIMARY = [(244, 238, 224), (216, 52, 44), (28, 76, 160), (245, 195, 36), (30, 30, 30)]
MUTED = [(232, 224, 210), (120, 144, 132), (196, 120, 92), (84, 88, 104)]
INK = [(250, 248, 242), (130, 140, 150), (32, 36, 48)]
SEA = [(8, 40, 64), (20, 110, 140), (150, 214, 212), (246, 250, 240)]
CANDY = [(255, 84, 150), (84, 220, 255), (180, 120, 255), (255, 230, 90)]

if __name__ == '__main__':
    jpeg = dict(quality=80)
    save(sky(1280, 853, DAWN), 'aurora/dawn/1.jpg', **jpeg)
    save(sky(853, 1280, DAWN), 'aurora/dawn/2.jpg', **jpeg)
    save(sky(1200, 800, DUSK), 'aurora/dusk/1.jpg', **jpeg)
    save(sky(1024, 1024, POLAR), 'aurora/polar/1.webp', quality=80)
    save(blocks(1000, 1000, PRIMARY, 60), 'meridian/primary/1.png')
    save(blocks(1200, 900, PRIMARY, 80), 'meridian/primary/2.png')
    save(blocks(900, 1200, MUTED, 70), 'meridian/muted/1.png')
    save(mosaic(1152, 864, DUSK, 32), 'meridian/mosaic/1.png')
    save(mosaic(1024, 1024, SEA, 64), 'meridian/mosaic/2.png')
    save(waves(1280, 800, SEA, 14), 'fjord/waves/1.jpg', progressive=True, **jpeg)
    save(waves(1280, 800, SEA, 22), 'fjord/waves/2.jpg', progressive=True, **jpeg)
    save(marble(1100, 1100, INK), 'fjord/ink/1.jpg', **jpeg)
    save(marble(1200, 800, SEA), 'fjord/marble/1.webp', quality=80)
    save(halftone(900, 1200, (200, 30, 60), (250, 240, 225), 18), 'pixelworks/halftone/1.png')
    save(neon(1280, 720, CANDY), 'pixelworks/neon/1.jpg', **jpeg)
    save(neon(1024, 1024, CANDY[::-1]), 'pixelworks/neon/2.jpg', **jpeg)
    save(mosaic(768, 1024, CANDY, 16).convert('L'), 'grey-tiles.jpg', **jpeg)
