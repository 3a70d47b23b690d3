# Makes the images of this folder and, in expected/, what Pillow (9.4) decodes them to.
import struct, zlib, os, io
from PIL import Image, ImageOps, ImageDraw, PngImagePlugin
import numpy as np
D=os.path.dirname(os.path.abspath(__file__))+'/'
os.makedirs(D,exist_ok=True)
W,H=48,32
y,x=np.mgrid[0:H,0:W]
rgb=np.stack([(x*5)%256,(y*8)%256,((x+y)*3)%256],-1).astype(np.uint8)
base=Image.fromarray(rgb)
d=ImageDraw.Draw(base); d.rectangle([4,4,14,10],fill=(255,0,0)); d.ellipse([25,8,44,28],fill=(20,200,60)); d.rectangle([2,24,8,30],fill=(255,255,255))
alpha=Image.fromarray(((x*5+y)%256).astype(np.uint8)); rgba=base.copy(); rgba.putalpha(alpha)
exp={}
def flat(im):
    im=ImageOps.exif_transpose(im)
    if im.mode in('RGBA','LA','PA') or 'transparency' in im.info:
        im=im.convert('RGBA'); bg=Image.new('RGBA',im.size,(255,255,255,255)); a=np.asarray(im).astype(int)
        o=(a[...,:3]*a[...,3:]+255*(255-a[...,3:])+127)//255
        return Image.fromarray(o.astype(np.uint8))
    return im.convert('RGB')
def save(name,im,expect=None,**k):
    im.save(D+name,**k)
    e=expect if expect is not None else flat(Image.open(D+name)); exp[name]=e
save('rgb.jpg',base,quality=90); save('progressive.jpg',base,quality=85,progressive=True); save('grey.jpg',base.convert('L'),quality=90)
save('444.jpg',base,quality=95,subsampling=0)
cm=base.convert('CMYK'); save('cmyk.jpg',cm,quality=95)
for o in range(1,9):
    e=Image.Exif(); e[0x112]=o; save(f'orientation{o}.jpg',base,quality=95,subsampling=0,exif=e.tobytes())
save('rgb.png',base); save('rgba.png',rgba); save('grey.png',base.convert('L')); save('grey_alpha.png',rgba.convert('LA')); 
pal=base.quantize(17); save('palette.png',pal); save('palette_transparent.png',pal,transparency=3); save('bilevel.png',base.convert('1'))
save('palette4.png',base.quantize(9),bits=4)
def png(name,w,h,bits,ct,raw,extra=b'',expect=None):
    def ch(t,dd): return struct.pack('>I',len(dd))+t+dd+struct.pack('>I',zlib.crc32(t+dd))
    b=b'\x89PNG\r\n\x1a\n'+ch(b'IHDR',struct.pack('>IIBBBBB',w,h,bits,ct,0,0,0))+extra+ch(b'IDAT',zlib.compress(raw))+ch(b'IEND',b'')
    open(D+name,'wb').write(b); exp[name]=expect
def ch(t,dd): return struct.pack('>I',len(dd))+t+dd+struct.pack('>I',zlib.crc32(t+dd))
a=np.asarray(base)
r16=(a.astype(np.uint16)<<8)|((a.astype(int)*7+13)%256).astype(np.uint16)
png('rgb16.png',W,H,16,2,b''.join(b'\0'+r.astype('>u2').tobytes() for r in r16),expect=base)
g=np.asarray(base.convert('L')); g16=(g.astype(np.uint16)<<8)|77
png('grey16.png',W,H,16,0,b''.join(b'\0'+r.astype('>u2').tobytes() for r in g16),expect=base.convert('L').convert('RGB'))
ga16=np.stack([g16,np.asarray(alpha).astype(np.uint16)<<8],-1)
la=Image.merge('LA',(base.convert('L'),alpha))
png('grey_alpha16.png',W,H,16,4,b''.join(b'\0'+r.astype('>u2').tobytes() for r in ga16),expect=flat(la))
rgba16=np.concatenate([r16,(np.asarray(alpha).astype(np.uint16)<<8)[...,None]],-1)
png('rgba16.png',W,H,16,6,b''.join(b'\0'+r.astype('>u2').tobytes() for r in rgba16),expect=flat(rgba))
key=a.copy(); m=(a==np.array([255,0,0])).all(-1); ke=a.copy(); ke[m]=255
png('colorkey.png',W,H,8,2,b''.join(b'\0'+r.tobytes() for r in a),extra=ch(b'tRNS',struct.pack('>HHH',255,0,0)),expect=Image.fromarray(ke))
g2=(g>>6); 
def pack2(r): return bytes((r[i]<<6)|(r[i+1]<<4)|(r[i+2]<<2)|r[i+3] for i in range(0,len(r),4))
png('grey2.png',W,H,2,0,b''.join(b'\0'+pack2(r.astype(int)) for r in g2),expect=Image.fromarray((g2*85).astype(np.uint8)).convert('RGB'))
# ICC with red and green swapped
def s15(v): return struct.pack('>i',int(round(v*65536)))
def xyz(v): return b'XYZ \0\0\0\0'+b''.join(s15(c) for c in v)
def profile(r,gg,b,gamma=2.2,desc=b'swapped'):
    curv=b'curv\0\0\0\0'+struct.pack('>IH',1,int(gamma*256))+b'\0\0'
    ds=b'desc\0\0\0\0'+struct.pack('>I',len(desc)+1)+desc+b'\0'+b'\0'*(4+4+2+1+67)
    ds+=b'\0'*((-len(ds))%4)
    tx=b'text\0\0\0\0none\0\0\0\0'
    tags=[(b'desc',ds),(b'cprt',tx),(b'wtpt',xyz((0.9642,1,0.8249))),(b'rXYZ',xyz(r)),(b'gXYZ',xyz(gg)),(b'bXYZ',xyz(b)),(b'rTRC',curv),(b'gTRC',curv),(b'bTRC',curv)]
    off=128+4+12*len(tags); tab=b''; body=b''
    for t,dd in tags:
        tab+=t+struct.pack('>II',off+len(body),len(dd)); body+=dd
    size=off+len(body)
    hdr=struct.pack('>I',size)+b'lcms'+bytes([2,0x40,0,0])+b'mntrRGB XYZ '+struct.pack('>6H',2020,1,1,0,0,0)+b'acsp'+b'\0'*4+struct.pack('>I',0)+b'\0'*4+b'\0'*4+b'\0'*8+struct.pack('>I',0)+s15(0.9642)+s15(1)+s15(0.8249)+b'\0'*4
    hdr+=b'\0'*(128-len(hdr)); return hdr+struct.pack('>I',len(tags))+tab+body
R=(0.4360,0.2225,0.0139);G=(0.3851,0.7169,0.0971);B=(0.1431,0.0606,0.7141)
sw=profile(G,R,B)
from PIL import ImageCms
def icc(im):
    p=ImageCms.ImageCmsProfile(io.BytesIO(sw)); return ImageCms.profileToProfile(im.convert('RGB'),p,ImageCms.createProfile('sRGB'))
save('icc.png',base,icc(base),icc_profile=sw)
base.save(D+'icc.jpg',quality=95,subsampling=0,icc_profile=sw); exp['icc.jpg']=icc(Image.open(D+'icc.jpg'))
base.save(D+'icc.webp',lossless=True,icc_profile=sw); exp['icc.webp']=icc(base)
base.save(D+'icc.tif',icc_profile=sw); exp['icc.tif']=icc(base)
save('lossy.webp',base,quality=90); save('lossless.webp',base,lossless=True); save('alpha.webp',rgba,lossless=True,exact=True)
e=Image.Exif(); e[0x112]=6; save('orientation6.webp',base,lossless=True,exif=e.tobytes()); save('orientation6.png',base,exif=e.tobytes())
for c in [None,'tiff_lzw','tiff_adobe_deflate','packbits','jpeg']:
    save(f'{c or "raw"}.tif',base,compression=c)
save('cmyk.tif',cm); save('grey.tif',base.convert('L')); save('bilevel.tif',base.convert('1'),compression='group4'); save('palette.tif',pal); save('rgba.tif',rgba)
Image.fromarray(g16).save(D+'grey16.tif'); exp['grey16.tif']=base.convert('L').convert('RGB')
base.save(D+'orientation6.tif',tiffinfo={0x112:6}); exp['orientation6.tif']=base.transpose(Image.ROTATE_270)
save('rgb.bmp',base); save('palette.bmp',pal); save('grey.bmp',base.convert('L')); save('bilevel.bmp',base.convert('1')); save('rgba.bmp',rgba, expect=None)
save('palette.gif',pal); save('transparent.gif',pal,transparency=2)
f2=Image.eval(base,lambda v:255-v).quantize(16); pal.save(D+'animated.gif',save_all=True,append_images=[f2],duration=100); exp['animated.gif']=pal.convert('RGB')
# GIF whose first frame lies off the corner
small=base.crop((8,8,24,20)).quantize(16); buf=io.BytesIO(); small.save(buf,'GIF'); b=bytearray(buf.getvalue())
b[6:10]=struct.pack('<HH',40,30); i=b.index(b'\x2c',13+3*16); 
import re
# locate image descriptor properly
p=13+(3<<((b[10]&7)+1) if b[10]&0x80 else 0)
while b[p]==0x21:
    p+=2
    while b[p]: p+=b[p]+1
    p+=1
assert b[p]==0x2c; b[p+1:p+5]=struct.pack('<HH',5,7); open(D+'offset.gif','wb').write(b)
c=Image.new('RGB',(40,30),(255,255,255)); c.paste(small.convert('RGB'),(5,7)); exp['offset.gif']=c
os.makedirs(D+'expected',exist_ok=True)
for k,v in exp.items(): v.convert('RGB').save(D+'expected/'+k+'.png')
print(len(exp))
