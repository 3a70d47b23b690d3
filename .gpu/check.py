import io, zipfile, torch, time, math
torch.set_grad_enabled(False)
R='common/src/main/resources/org/i2lspark/'
def load(p):
    b=io.BytesIO(); z=zipfile.ZipFile(b,'w',zipfile.ZIP_STORED)
    z.writestr('m/data.pkl',b'\x80\x02c__torch__\nGraph\n)\x81}b.'); z.writestr('m/code/__torch__.py',open(R+p).read()); z.writestr('m/constants.pkl',b'\x80\x02).'); z.writestr('m/version','10'); z.close(); b.seek(0)
    m=torch.jit.load(b); torch._C._set_graph_executor_optimize(False); return m
mem=load('torch/memory.py'); sig=load('encoder/siglip2.py'); dino=load('encoder/dinov3.py'); dec=load('decoder/lora_decoder.py')
G='cuda:0'
g=torch.Generator().manual_seed(1)
def w(shape,dev='cpu',dt=torch.float32):
    fan=math.prod(shape[1:]) if len(shape)>1 else 0
    if dev=='cpu':
        t=(torch.rand(shape,generator=g)*2-1)*(math.sqrt(3/fan) if fan else 0.1)
        return t.to(dt)
    return ((torch.rand(shape,device=dev,dtype=dt)*2-1)*(math.sqrt(3/fan) if fan else 0.1))
def sigw(h,i,l,p,**k):
    o=[w([h,3,16,16],**k),w([h],**k),w([p,h],**k)]
    for _ in range(l):
        o+=[1+w([h],**k),w([h],**k)]
        for _ in range(4): o+=[w([h,h],**k),w([h],**k)]
        o+=[1+w([h],**k),w([h],**k),w([i,h],**k),w([i],**k),w([h,i],**k),w([h],**k)]
    o+=[1+w([h],**k),w([h],**k),w([1,1,h],**k),w([3*h,h],**k),w([3*h],**k),w([h,h],**k),w([h],**k),1+w([h],**k),w([h],**k),w([i,h],**k),w([i],**k),w([h,i],**k),w([h],**k)]
    return o
def dinow(h,i,l,**k):
    o=[w([1,1,h],**k),w([1,4,h],**k),w([h,3,16,16],**k),w([h],**k)]
    for _ in range(l):
        o+=[1+w([h],**k),w([h],**k),w([h,h],**k),w([h,h],**k),w([h,h],**k),w([h,h],**k),w([h],**k),1+w([h],**k),1+w([h],**k),w([h],**k),w([i,h],**k),w([i],**k),w([i,h],**k),w([i],**k),w([h,i],**k),w([h],**k),1+w([h],**k)]
    return o+[1+w([h],**k),w([h],**k)]
# agreement of CPU float32, GPU float32, GPU bfloat16
crops=torch.randint(0,256,(3,1024,1024,3),dtype=torch.uint8); px=torch.stack([sig.resize(c,384) for c in crops])
sw=sigw(48,96,2,576); dw=dinow(64,128,2); first=w([24*2,8,112]); second=[w([20,64,8]),w([8,256,8]),w([20,64,8])]
def to(l,dt): return [t.to(G,dt) for t in l]
a=sig.forward(px,sw,4,1e-6); b=dino.forward(crops,dw,224,4,100.,1e-5)
for dt in (torch.float32,torch.bfloat16):
    a2=sig.forward(px,to(sw,dt),4,1e-6); b2=dino.forward(crops,to(dw,dt),224,4,100.,1e-5)
    print(dt,'siglip2 max diff',(a-a2).abs().max().item(),'dinov3',(b-b2).abs().max().item(), a2.device, a2.dtype, 'cos',torch.cosine_similarity(a,a2).min().item(),torch.cosine_similarity(b,b2).min().item())
x=torch.cat([a,b],1); f=dec.forward(x,first,second)
for dt in (torch.float32,torch.bfloat16):
    f2=dec.forward(x,first.to(G,dt),to(second,dt))
    ma=dec.merge_a(f[1],1,2,4,6); mb=dec.merge_b(f[0],0,3,4,6); ga=dec.merge_a(f2[1],1,2,4,6); gb=dec.merge_b(f2[0],0,3,4,15)
    print(dt,'decoder',(ma-ga).abs().max().item(),(mb-gb.float()).abs().max().item(), ga.device, gb.dtype, ga.is_contiguous())
# the weight loader's path: pinned staging, slice, copy
dst=mem.empty([6,5],15,G,False); st=mem.empty([64],6,'cpu',True); st.copy_(torch.arange(64.)); print('pinned',st.is_pinned())
mem.copy(mem.flat_slice(st,0,12),mem.flat_slice(dst,10,12)); print('copied',dst.flatten()[10:22].float().cpu().tolist())
# released sizes
def t(name,fn,n):
    for _ in range(3): fn()
    torch.cuda.synchronize(); ts=[]
    for _ in range(10):
        s=time.perf_counter(); fn(); torch.cuda.synchronize(); ts.append(time.perf_counter()-s)
    print(f'{name:24s} batch {n:3d} {sorted(ts)[5]*1e3/n:8.2f} ms an image',flush=True)
k=dict(dev=G,dt=torch.bfloat16)
sw=sigw(1536,6144,40,576,**k)
for n in (1,8,32):
    p=px[:1].expand(n,-1,-1,-1).contiguous(); t('SigLIP2-G384',lambda: sig.forward(p,sw,16,1e-6),n)
del sw
dw=dinow(4096,8192,40,**k)
for n in (1,8,32):
    c=crops[:1].expand(n,-1,-1,-1).contiguous(); t('DINOv3-7B',lambda: dino.forward(c,dw,224,32,100.,1e-5),n)
del dw
first=w([1440,64,5632],**k); second=[w([600,12288,64],**k),w([120,49152,64],**k),w([600,12288,64],**k),w([120,73728,64],**k)]
def style(n):
    f=dec.forward(torch.randn(n,5632),first,second)
    for i in range(n):
        dec.merge_a(f[0],i,1,4,15); dec.merge_a(f[1],i,1,4,15); dec.merge_b(f[2],i,1,4,15); dec.merge_b(f[3],i,1,4,15)
for n in (1,8,32):
    xx=torch.randn(n,5632); t('decoder alone',lambda: dec.forward(xx,first,second),n); t('decoder, LoRA to host',lambda: style(n),n)
print('peak GB',torch.cuda.max_memory_allocated()/1e9)
