# Makes the images of this folder and, in expected/, what Pillow (9.4; 13.0 those from "as people have them" on) decodes
# them to; and in refused/, images that lack pixels.
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
exp['offset.gif']=flat(Image.open(D+'offset.gif'))

# as people have them: cut, damaged, animated
PNG=b'\x89PNG\r\n\x1a\n'
def riff(chunks):
    d=b'WEBP'+b''.join(rc(*c) for c in chunks); return b'RIFF'+struct.pack('<I',len(d))+d
def rc(t,d): return t+struct.pack('<I',len(d))+d+b'\0'*(len(d)&1)
def refused(name,b):
    os.makedirs(D+'refused',exist_ok=True); open(D+'refused/'+name,'wb').write(b)
def keep(name,b,expect=None):
    open(D+name,'wb').write(b); exp[name]=expect if expect is not None else flat(Image.open(D+name))
def wrong(chunk): return chunk[:-4]+b'abcd'
head=ch(b'IHDR',struct.pack('>IIBBBBB',W,H,8,2,0,0,0)); interlaced=ch(b'IHDR',struct.pack('>IIBBBBB',W,H,8,2,0,0,1)); end=ch(b'IEND',b'')
rows=b''.join(b'\0'+r.tobytes() for r in a)
passes=b''.join(b'\0'+r.tobytes() for x0,y0,dx,dy in [(0,0,8,8),(4,0,8,8),(0,4,4,8),(2,0,4,4),(0,2,2,4),(1,0,2,2),(0,1,1,2)] for r in a[y0::dy,x0::dx])
data=ch(b'IDAT',zlib.compress(rows)); idata=ch(b'IDAT',zlib.compress(passes)); text=ch(b'tEXt',b'Comment\0hello')
keep('no_end.png',PNG+head+data); keep('no_checksums.png',PNG+head+data[:-8])
keep('cut_in_text.png',PNG+head+data+text[:-7],base)  # Pillow: Truncated File Read
keep('wrong_checksums.png',PNG+head+wrong(text)+wrong(data)+wrong(end),base)  # Pillow refuses the text's, not the data's
held=ch(b'eXIf',e.tobytes()[6:]); keep('orientation6_last_no_end.png',PNG+head+data+held); refused('cut_in_orientation.png',PNG+head+data+held[:-5])
keep('bytes_after.png',PNG+head+data+end+b'hello')
keep('interlaced.png',PNG+interlaced+idata+end); keep('interlaced_no_end.png',PNG+interlaced+idata)
refused('row_missing.png',PNG+head+ch(b'IDAT',zlib.compress(rows[:-1-3*W]))+end)
refused('row_missing_no_end.png',PNG+head+ch(b'IDAT',zlib.compress(rows[:-1-3*W])))
refused('byte_missing.png',PNG+head+ch(b'IDAT',zlib.compress(rows[:-1]))+end)
refused('cut_in_data.png',PNG+head+data[:-40])
refused('pass_missing.png',PNG+interlaced+ch(b'IDAT',zlib.compress(passes[:-16*(1+3*W)]))+end)
refused('pass_missing_no_end.png',PNG+interlaced+ch(b'IDAT',zlib.compress(passes[:-16*(1+3*W)])))
refused('cut_in_pass.png',PNG+interlaced+idata[:-40])
refused('no_data.png',PNG+head+end); refused('header_checksum.png',PNG+wrong(head)+data+end)
refused('data_checksum.png',PNG+head+ch(b'IDAT',zlib.compress(rows)[:-4]+b'abcd')+end)
refused('transparency_checksum.png',PNG+head+wrong(ch(b'tRNS',struct.pack('>HHH',255,0,0)))+data+end)
inverse=Image.eval(base,lambda v:255-v)
base.save(D+'animated.png',save_all=True,append_images=[inverse]); exp['animated.png']=base
base.save(D+'animated_apart.png',save_all=True,append_images=[inverse],default_image=True); exp['animated_apart.png']=base
jpg=open(D+'rgb.jpg','rb').read(); keep('bytes_after.jpg',jpg+b'junk\xff\xd8',flat(Image.open(D+'rgb.jpg')))
refused('no_end.jpg',jpg[:-2]); refused('no_end_progressive.jpg',open(D+'progressive.jpg','rb').read()[:-2])
refused('cut.jpg',jpg[:-100]); refused('cut_with_end.jpg',jpg[:-100]+b'\xff\xd9')
gif=open(D+'palette.gif','rb').read(); keep('no_end.gif',gif[:-1]); keep('no_terminator.gif',gif[:-2])
q=13+(3<<((gif[10]&7)+1))
while gif[q]!=0x2c:
    q+=2
    while gif[q]: q+=gif[q]+1
    q+=1
q+=11
refused('cut.gif',gif[:-30]); refused('cut_with_end.gif',gif[:q]+b'\x64'+gif[q+1:q+101]+b'\0;'); refused('no_frame.gif',gif[:q-11]+b';')
offset=bytearray(open(D+'offset.gif','rb').read())
keep('offset_transparent.gif',bytes(offset[:p])+b'\x21\xf9\x04\x01\0\0\2\0'+bytes(offset[p:]))
def chunks(im,**k):
    o=io.BytesIO(); im.save(o,'WEBP',**k); b=o.getvalue(); p=12; out=[]
    while p<len(b):
        n=struct.unpack('<I',b[p+4:p+8])[0]; out.append((b[p:p+4],b[p+8:p+8+n])); p+=8+n+(n&1)
    return out
def u24(v): return struct.pack('<I',v)[:3]
def animation(flags,w,h,frames,after=[]):
    c=[(b'VP8X',bytes([flags,0,0,0])+u24(w-1)+u24(h-1)),(b'ANIM',b'\x10\x20\x30\xff\0\0')]
    for left,top,im,k in frames:
        c.append((b'ANMF',u24(left//2)+u24(top//2)+u24(im.width-1)+u24(im.height-1)+u24(100)+b'\0'+b''.join(rc(*d) for d in chunks(im,**k) if d[0] in(b'ALPH',b'VP8 ',b'VP8L'))))
    return riff(c+after)
LL=dict(lossless=True,exact=True); LY=dict(quality=80); part=(8,8,24,20)
first,then=(6,4,base.crop(part),LL),(0,0,inverse,LL)
keep('animated.webp',animation(0x02,W,H,[(0,0,base,LL),then])); keep('animated_lossy.webp',animation(0x02,W,H,[(0,0,base,LY),then]))
keep('animated_offset.webp',animation(0x02,W,H,[first,then]))
keep('animated_alpha.webp',animation(0x12,W,H,[(6,4,rgba.crop(part),LL),then])); keep('animated_lossy_alpha.webp',animation(0x12,W,H,[(6,4,rgba.crop(part),LY),then]))
keep('animated_opaque_on_alpha.webp',animation(0x12,W,H,[first,then])); keep('animated_alpha_ignored.webp',animation(0x02,W,H,[(6,4,rgba.crop(part),LL),then]))
exp['animated_alpha_ignored.webp']=Image.open(D+'animated_alpha_ignored.webp').convert('RGB')
keep('animated_orientation6.webp',animation(0x0A,W,H,[(0,0,base,LL),then],[(b'EXIF',e.tobytes())]))
whole=animation(0x02,W,H,[(0,0,base,LL),then])
def sized(b,n): return b[:4]+struct.pack('<I',len(b)-8+n)+b[8:]
for name,b in (('lossy',open(D+'lossy.webp','rb').read()),('animated',whole)):
    keep(f'bytes_after_{name}.webp',b+b'hello'); refused(f'size_too_large_{name}.webp',sized(b,100)); refused(f'size_too_small_{name}.webp',sized(b,-20)); refused(f'cut_{name}.webp',b[:-20])
refused('frame_beyond.webp',animation(0x02,16,12,[first])); refused('no_frame.webp',animation(0x02,16,12,[]))
# names of profiles prove nothing
P3=((0.51512,0.24120,-0.00105),(0.29198,0.69225,0.04189),(0.15710,0.06657,0.78407))
def named(p): return ImageCms.profileToProfile(base,ImageCms.ImageCmsProfile(io.BytesIO(p)),ImageCms.createProfile('sRGB'))
for name,p in (('icc_p3_named_srgb',profile(*P3,desc=b'sRGB IEC61966-2.1')),('icc_linear_named_srgb',profile(R,G,B,gamma=1,desc=b'sRGB'))):
    for ext,k in (('png',{}),('webp',LL),('tif',{})):
        base.save(D+f'{name}.{ext}',icc_profile=p,**k); exp[f'{name}.{ext}']=named(p)
base.save(D+'icc_srgb_named_other.png',icc_profile=ImageCms.ImageCmsProfile(ImageCms.createProfile('sRGB')).tobytes()); exp['icc_srgb_named_other.png']=base

# variants: what a TIFF's fourth sample means, 16 bits, planes, white as zero; palettes with alpha; odd sizes
def tiff(name,bits,photometric,samples,strips,order='<',**more):
    t={256:('H',[W]),257:('H',[H]),258:('H',[bits]*samples),259:('H',[1]),262:('H',[photometric]),277:('H',[samples]),278:('H',[H]),279:('I',[len(s) for s in strips])}
    t.update({int(k[1:]):('H',v) for k,v in more.items()}); t[273]=('I',[0]*len(strips))
    def body(offsets):
        t[273]=('I',offsets); at=8+2+12*len(t)+4; entries=extra=b''
        for tag in sorted(t):
            f,v=t[tag]; d=struct.pack(order+f*len(v),*v); entries+=struct.pack(order+'HHI',tag,3 if f=='H' else 4,len(v))
            if len(d)>4: entries+=struct.pack(order+'I',at+len(extra)); extra+=d
            else: entries+=d.ljust(4,b'\0')
        return (b'II*\0' if order=='<' else b'MM\0*')+struct.pack(order+'IH',8,len(t))+entries+b'\0'*4+extra
    at=len(body([0]*len(strips))); b=body([at+sum(map(len,strips[:i])) for i in range(len(strips))])+b''.join(strips)
    open(D+name,'wb').write(b)
A=np.asarray(alpha).astype(int)[...,None]; four=np.asarray(rgba); multiplied=np.concatenate([(a*A//255).astype(np.uint8),A.astype(np.uint8)],-1); grey=base.convert('L').convert('RGB')
for name,args,more,e in (
    ('rgb16.tif',(16,2,3,[r16.astype('<u2').tobytes()]),{},base),
    ('rgb16_big_endian.tif',(16,2,3,[r16.astype('>u2').tobytes()],'>'),{},base),
    ('rgba16.tif',(16,2,4,[rgba16.astype('<u2').tobytes()]),dict(_338=[2]),flat(rgba)),
    ('planes.tif',(8,2,3,[a[...,i].tobytes() for i in range(3)]),dict(_284=[2]),base),
    ('grey_white_is_zero.tif',(8,0,1,[(255-g).tobytes()]),{},grey),
    ('grey16_big_endian.tif',(16,1,1,[g16.astype('>u2').tobytes()],'>'),{},grey),
    ('rgba_premultiplied.tif',(8,2,4,[multiplied.tobytes()]),dict(_338=[1]),None),
    ('rgb_mask.tif',(8,2,4,[four.tobytes()]),dict(_338=[0]),None),
    ('rgb_fourth_unsaid.tif',(8,2,4,[four.tobytes()]),{},None)):
    tiff(name,*args,**more); exp[name]=e if e is not None else flat(Image.open(D+name))
save('big.tif',base,big_tiff=True); save('grey_alpha.tif',rgba.convert('LA')); save('pages.tif',base,save_all=True,append_images=[inverse])
odd=base.crop((0,0,47,31))
save('odd_420.jpg',odd,quality=88,subsampling=2); save('odd_422_progressive.jpg',odd,quality=88,subsampling=1,progressive=True); save('rgb_not_ycc.jpg',base,quality=90,keep_rgb=True); save('restart.jpg',base,quality=90,restart_marker_blocks=1)
save('odd_lossy.webp',odd,quality=80); save('lossy_alpha.webp',rgba,quality=80); save('interlaced.gif',pal,interlace=True)
index=np.asarray(pal); colours=bytes(pal.getpalette()[:51]); opacity=bytes(i*15 for i in range(17))
C=np.frombuffer(colours,np.uint8).reshape(-1,3).astype(int)[index]; O=np.frombuffer(opacity,np.uint8).astype(int)[index][...,None]
png('palette_alpha.png',W,H,8,3,b''.join(b'\0'+r.tobytes() for r in index),extra=ch(b'PLTE',colours)+ch(b'tRNS',opacity),expect=Image.fromarray(((C*O+255*(255-O)+127)//255).astype(np.uint8)))
png('rgb_gamma.png',W,H,8,2,rows,extra=ch(b'gAMA',struct.pack('>I',100000)),expect=base)

# a profile of inks: Pillow, and the reference, take CMYK without it
import itertools
def lab(r,g,b):
    X,Y,Z=(sum(m*v**2.2 for m,v in zip(row,(r,g,b))) for row in zip(R,G,B)); h=lambda t: t**(1/3) if t>.008856 else 7.787*t+16/116
    x,y,z=h(X/.9642),h(Y),h(Z/.8249); return 116*y-16,500*(x-y),200*(y-z)
table=b''
for c,m,ye,k in itertools.product((0,.5,1),repeat=4):
    L,A_,B_=lab((1-c)*(1-k),(1-m)*(1-k)*(1-.2*c),(1-ye)*(1-k)*(1-.3*m)); table+=bytes(round(max(0,min(255,v))) for v in (L*2.55,A_+128,B_+128))
ramp=bytes(range(256)); tags=[(b'wtpt',xyz((.9642,1,.8249))),(b'cprt',b'text\0\0\0\0none\0\0\0\0'),(b'desc',b'desc\0\0\0\0'+struct.pack('>I',5)+b'inks\0'+b'\0'*79),
    (b'A2B0',b'mft1\0\0\0\0'+bytes([4,3,3,0])+b''.join(s15(v) for v in (1,0,0,0,1,0,0,0,1))+ramp*4+table+ramp*3+b'\0')]
at=128+4+12*len(tags); index_=body_=b''
for t,dd in tags: index_+=t+struct.pack('>II',at+len(body_),len(dd)); body_+=dd
inks=struct.pack('>I',at+len(body_))+b'lcms'+bytes([2,0x40,0,0])+b'prtrCMYKLab '+struct.pack('>6H',2020,1,1,0,0,0)+b'acsp'+b'\0'*28+s15(.9642)+s15(1)+s15(.8249)
inks=inks.ljust(128,b'\0')+struct.pack('>I',len(tags))+index_+body_
ImageCms.profileToProfile(cm,ImageCms.ImageCmsProfile(io.BytesIO(inks)),ImageCms.createProfile('sRGB'),outputMode='RGB')  # it is one
save('cmyk_profile.jpg',cm,quality=95,icc_profile=inks); save('cmyk_profile.tif',cm,icc_profile=inks,compression='tiff_adobe_deflate')

os.makedirs(D+'expected',exist_ok=True)
for k,v in exp.items(): v.convert('RGB').save(D+'expected/'+k+'.png')
print(len(exp))
