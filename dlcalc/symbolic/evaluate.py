import numpy as np
from dlcalc.expr.tree import *
from dlcalc.symbolic.functions import FUNCTIONS
def evaluate(e, env):
    m=lambda x: evaluate(x,env)
    match e:
        case Number(v): return float(v)
        case Name("pi"): return np.pi
        case Name(n): return env[n]
        case Negative(o): return -m(o)
        case Transpose(o): return np.asarray(m(o)).T
        case Binary(op,l,r):
            return {"+":np.add,"-":np.subtract,"*":np.multiply,"/":np.divide,"**":np.power,"@":np.matmul}[op](m(l),m(r))
        case Call(f,args,axis):
            a=[m(x) for x in args]
            if f=="sum": return np.sum(a[0],axis=axis)
            if f=="mean": return np.mean(a[0],axis=axis)
            if f=="outer": return np.outer(*a)
            if f in("softmax","log_softmax"):
                ax=-1 if axis is None else axis
                x=a[0]-np.max(np.real(a[0]),axis=ax,keepdims=True); s=np.exp(x).sum(axis=ax,keepdims=True)
                return np.exp(x)/s if f=="softmax" else x-np.log(s)
            return FUNCTIONS[f](*a)
