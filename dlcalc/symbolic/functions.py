from typing import Any
from collections.abc import Callable
import numpy as np
from dlcalc.engine.special import erf as _erf
def _re(x): return np.real(x)
def heaviside(x, h=0.5): return np.where(_re(x)>0,1.0,np.where(_re(x)<0,0.0,np.real(h)))
def absolute(x): return np.where(_re(x)<0,-x,x)
def sigmoid(x): return 0.5*(np.tanh(0.5*x)+1)
def softplus(x): return np.where(_re(x)>0,x,0)+np.log1p(np.exp(-absolute(x)))
def erf(x):
    x=np.asarray(x); return _erf(x,np.empty_like(x, dtype=complex if np.iscomplexobj(x) else float))
def fmax(a,b): return np.where(_re(a)>=_re(b),a,b)
def fmin(a,b): return np.where(_re(a)<=_re(b),a,b)
S,A=1.0507009873554805,1.6732632423543772
FUNCTIONS: dict[str, Callable[..., Any]] = dict(exp=np.exp,log=np.log,sqrt=np.sqrt,tanh=np.tanh,sign=lambda x:np.sign(_re(x)),abs=absolute,heaviside=heaviside,sigmoid=sigmoid,relu=lambda x:np.where(_re(x)>0,x,0),
 leaky_relu=lambda x,a:np.where(_re(x)>0,x,a*x), elu=lambda x,a=1.0:np.where(_re(x)>0,x,a*np.expm1(np.where(_re(x)>0,0,x))), selu=lambda x:S*np.where(_re(x)>0,x,A*np.expm1(np.where(_re(x)>0,0,x))),
 gelu=lambda x:x*(1+erf(x/np.sqrt(2)))/2, silu=lambda x:x*sigmoid(x), softplus=softplus, softsign=lambda x:x/(1+absolute(x)), hardtanh=lambda x:fmin(fmax(x,-1),1), max=fmax,min=fmin, erf=erf)
