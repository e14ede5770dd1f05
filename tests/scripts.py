"""Scripts that are to do the same however they are started, and the packages that some need."""

from __future__ import annotations

SCRIPTS = {
    "nothing": "",
    "prints": "import sys; print('out'); print('err', file=sys.stderr); print('x', end='')",
    "raises": "def f(x):\n    return 1 / x\n\ntry:\n    f(0)\nexcept ZeroDivisionError as e:\n"
    "    raise ValueError('é') from e\n",
    "syntax": "x = (1,\ny = 2\n",
    "exit code": "import sys; sys.exit(7)",
    "exit text": "import sys; sys.exit('so it is')",
    "exit none": "import sys; sys.exit()",
    "exit big": "import sys; sys.exit(513)",
    "os exit": "import os; print('lost'); os._exit(3)",
    "abort": "import os; os.abort()",
    "killed": "import os, signal; os.kill(os.getpid(), signal.SIGTERM)",
    "interrupt": "raise KeyboardInterrupt",
    "bytes": "import sys; sys.stdout.buffer.write(bytes(range(256)))",
    "argv": "import sys; print(sys.argv, sys.orig_argv[1:], sys.flags, sys.path[0])",
    "main": "import __main__, sys\nprint(__name__, __file__, __spec__, __package__, __doc__)\n"
    "print(sorted(set(vars(__main__)) - {'sys', '__main__'}), type(__loader__).__name__)\n"
    "print(sys.modules['__main__'] is __main__, vars(__main__) is globals(), __builtins__)\n",
    "docstring": '"""So."""\nprint(__doc__)\n',
    "annotations": "x: int = 1\nprint(__annotations__)\n",
    "path": "import sys, helper; print(sys.path[0], helper.__file__, helper.WHO)",
    "folder": "import os; print(os.getcwd(), sorted(os.listdir('.')))",
    "environment": "import os; print(sorted(i for i in os.environ.items() if i[0] != 'NNI_BELL'))",
    "descriptors": "import os; print(sorted(os.listdir('/proc/self/fd'))[:-1], os.isatty(0))",
    "signals": "import signal\nfor s in sorted(signal.valid_signals()):\n"
    "    print(s, signal.getsignal(s))\n",
    "session": "import os; print(os.getsid(0) == os.getpid() == os.getpgid(0), os.umask(0))",
    "limits": "import resource; print(resource.getrlimit(resource.RLIMIT_NOFILE))",
    "streams": "import sys\nfor s in (sys.stdin, sys.stdout, sys.stderr):\n"
    "    print(s.name, s.mode, s.encoding, s.errors, s.line_buffering, s.write_through)\n"
    "    print(s.seekable(), s.isatty(), s.fileno(), s.newlines, type(s.buffer).__name__)\n"
    "    print(s.buffer.raw.mode, s.buffer.raw.closefd, s.buffer.raw._blksize)\n"
    "print(sys.stdout is sys.__stdout__, sys.stdin.read())\n",
    "syntax warning": "print(1 is 1)\n",
    "buffering": "import os, sys\nprint('first'); os.write(1, b'second\\n'); sys.stdout.flush()\n",
    "threads": "import threading, time\ndef f():\n    time.sleep(0.05); print('late')\n"
    "threading.Thread(target=f).start()\n"
    "print(threading.main_thread() is threading.current_thread())",
    "atexit": "import atexit\natexit.register(print, 'first'); atexit.register(print, 'second')",
    "unclosed": "f = open('left.txt', 'w'); f.write('all of it')",
    "del": "class A:\n    def __del__(self):\n        print('gone')\na = A()",
    "warnings": "import warnings\nwarnings.warn('careful'); print(len(warnings.filters) < 99)",
    "logging": "import logging; logging.warning('so'); logging.getLogger('a').info('no')",
    "hook": "import sys\nsys.excepthook = lambda *a: print('hooked', a[0].__name__)\n1 / 0\n",
    "pickle": "import pickle\nclass A: pass\nprint(pickle.loads(pickle.dumps(A)) is A)",
    "recursion": "import sys; print(sys.getrecursionlimit())\ndef f(): f()\n"
    "try:\n    f()\nexcept RecursionError:\n    print('deep')\n",
    "gc": "import gc; print(gc.isenabled(), gc.get_threshold(), gc.get_freeze_count() >= 0)",
    "spawn": "import multiprocessing as m\ndef f(x): return x * x\n"
    "if __name__ == '__main__':\n    with m.get_context('spawn').Pool(2) as p:\n"
    "        print(p.map(f, range(4)))\n",
    "fork": "import multiprocessing as m\ndef f(x): return x * x\n"
    "if __name__ == '__main__':\n    with m.get_context('fork').Pool(2) as p:\n"
    "        print(p.map(f, range(4)))\n",
    "forkserver": "import multiprocessing as m\ndef f(x): return x * x\n"
    "if __name__ == '__main__':\n    with m.get_context('forkserver').Pool(2) as p:\n"
    "        print(p.map(f, range(4)))\n",
    "executor": "from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor\n"
    "def f(x): return x + 1\nif __name__ == '__main__':\n"
    "    with ProcessPoolExecutor(2) as p, ThreadPoolExecutor(2) as t:\n"
    "        print(list(p.map(f, range(3))), list(t.map(f, range(3))))\n",
    "subprocess": "import subprocess, sys\n"
    "print(subprocess.run([sys.executable, '-c', 'print(6)'], capture_output=True, text=True))",
    "exec": "import os, sys\nos.execv(sys.executable, [sys.executable, '-c', 'print(\"anew\")'])",
    "numpy": "import numpy as np\na = np.arange(1e4).reshape(100, 100)\nprint((a @ a).sum())",
    "seeded": "import random, numpy\nrandom.seed(1); numpy.random.seed(1)\n"
    "print(random.random(), numpy.random.rand())",
    "reload": "import importlib, json; print(importlib.reload(json) is json)",
    "runpy": "import runpy; runpy.run_path('helper.py', run_name='__main__')",
    "asyncio": "import asyncio\nasync def f():\n    await asyncio.sleep(0.01); print('slept')\n"
    "asyncio.run(f())",
    "closed": "import sys\nprint('a'); sys.stdout.close()",
    "finder": "import sys\nclass F:\n    def find_spec(self, name, path=None, target=None):\n"
    "        print('find', name)\nsys.meta_path.insert(0, F())\nimport colorsys\n",
    "alarm": "import signal, time\nsignal.signal(signal.SIGALRM, lambda *a: print('ring'))\n"
    "signal.setitimer(signal.ITIMER_REAL, 0.05); time.sleep(0.1)",
    "handler": "import os, signal\nsignal.signal(signal.SIGTERM, lambda *a: print('asked'))\n"
    "os.kill(os.getpid(), signal.SIGTERM); print('after')",
    "thread fails": "import threading\nt = threading.Thread(target=lambda: 1 / 0, name='T')\n"
    "t.start(); t.join(); print('on')",
    "daemon thread": "import threading, time\n"
    "threading.Thread(target=time.sleep, args=(9,), daemon=True).start(); print('bye')",
    "exit handler fails": "import atexit\natexit.register(lambda: 1 / 0); print('x')",
    "arguments": "import argparse\np = argparse.ArgumentParser()\np.add_argument('--q')\n"
    "p.parse_args()\n",
    "standard input": "try:\n    input()\nexcept EOFError as e:\n    print('end', e)",
    "unset": "import os\nos.environ.pop('HOME', None)\n"
    "print('HOME' in os.environ, os.system('test -z \"$HOME\"'))",
    "pandas": "import pandas as pd\nd = pd.DataFrame({'a': range(10), 'b': list('ababababab')})\n"
    "print(d.groupby('b').a.sum().to_dict()); d.to_csv('left.txt')",
    "matplotlib": "import matplotlib\nmatplotlib.use('Agg')\nimport matplotlib.pyplot as plt\n"
    "plt.plot([1, 2]); plt.savefig('left.png'); print(plt.get_backend())",
    "scikit-learn": "from sklearn.datasets import load_iris\n"
    "from sklearn.ensemble import HistGradientBoostingClassifier as H\n"
    "from sklearn.ensemble import RandomForestClassifier as R\n"
    "from sklearn.model_selection import cross_val_score as s\nx, y = load_iris(return_X_y=True)\n"
    "print(s(R(9, random_state=0, n_jobs=2), x, y, cv=2, n_jobs=2))\n"
    "print(H(max_iter=3, random_state=0).fit(x, y).score(x, y))\n",
    "lightgbm": "import lightgbm, numpy as np\nx = np.random.default_rng(0).normal(size=(500, 5))\n"
    "m = lightgbm.LGBMRegressor(n_estimators=5, verbose=-1, n_jobs=2).fit(x, x[:, 0])\n"
    "print(m.predict(x).sum().round(6))",
    "xgboost": "import xgboost, numpy as np\nx = np.random.default_rng(0).normal(size=(500, 5))\n"
    "m = xgboost.XGBRegressor(n_estimators=5, n_jobs=2).fit(x, x[:, 0])\n"
    "print(m.predict(x).sum().round(3))",
    "torch": "import torch\ntorch.manual_seed(0)\nm = torch.nn.Linear(10, 1)\n"
    "o = torch.optim.Adam(m.parameters())\nx = torch.randn(200, 10)\n"
    "for _ in range(5):\n    o.zero_grad(); l = (m(x) - 1).square().mean()\n"
    "    l.backward(); o.step()\n"
    "print(l.item(), torch.get_num_threads(), (x @ x.T).shape)",
    "torch loader": "import torch\nfrom torch.utils.data import DataLoader, TensorDataset\n"
    "if __name__ == '__main__':\n    d = TensorDataset(torch.arange(40.0).reshape(20, 2))\n"
    "    print(sum(b[0].sum().item() for b in DataLoader(d, batch_size=4, num_workers=2)))",
    "torch compile": "import logging, torch\ntorch._logging.set_logs(all=logging.ERROR)\n"
    "f = torch.compile(lambda x: torch.sin(x) ** 2 + 1)\n"
    "print(f(torch.arange(4.0)).sum().item())",
    "source": "import inspect\ndef f():\n    return 1\nprint(inspect.getsource(f))",
    "crash": "import ctypes; ctypes.string_at(0)",
    "doctest": "import doctest\ndef f():\n    '''\n    >>> f()\n    1\n    '''\n    return 2\n"
    "print(doctest.testmod())",
    "timeit": "import timeit\nx = 3\nprint(timeit.timeit('y', 'from __main__ import x as y') > 0)",
    "tracemalloc": "import tracemalloc\ntracemalloc.start(); a = [1] * 10000\n"
    "print(len(tracemalloc.take_snapshot().traces) > 0)",
    "contexts": "import contextvars, decimal, locale\n"
    "print(len(contextvars.copy_context()), decimal.getcontext(), locale.getlocale())",
    "sockets": "import socket, threading\ns = socket.create_server(('127.0.0.1', 0))\n"
    "threading.Thread(target=lambda: s.accept()[0].sendall(b'hi')).start()\n"
    "print(socket.create_connection(s.getsockname()).recv(9))",
    "forks itself": "import os, sys\nprint('one', flush=True)\nif not os.fork():\n"
    "    print('child'); sys.exit(5)\nprint(os.waitstatus_to_exitcode(os.wait()[1]))",
    "fork raises": "import os\nif not os.fork():\n    raise ValueError('child')\n"
    "print(os.waitstatus_to_exitcode(os.wait()[1]))",
    "child handler": "import signal, subprocess\n"
    "signal.signal(signal.SIGCHLD, lambda *a: print('child', flush=True))\n"
    "subprocess.run(['true'])",
    "no children": "import os\ntry:\n    os.wait()\nexcept ChildProcessError as e:\n    print(e)",
    "other output": "import os\nos.dup2(os.open('left.txt', os.O_CREAT | os.O_RDWR), 1); print(1)",
    "closed output": "import os\nos.close(1); print('x')",
    "closed errors": "import os\nos.close(2); raise ValueError",
    "unraisable": "class A:\n    def __del__(self): 1 / 0\na = A(); del a; print('on')",
    "cycle": "import gc\nclass A:\n    def __del__(self): print('gone')\n"
    "a = A(); a.a = a; del a; print(gc.collect() > 0)",
    "finalizer": "import weakref\nclass A: pass\na = A(); weakref.finalize(a, print, 'last')",
    "exception group": "raise ExceptionGroup('two', [ValueError(1), TypeError(2)])",
    "exception note": "e = ValueError('x'); e.add_note('more'); raise e",
    "long traceback": "def f(n):\n    return 1 / n and f(n - 1)\nf(20)",
    "import fails": "open('left_bad.py', 'w').write('x = (')\nimport left_bad",
    "deprecation": "import warnings\ndef f(): warnings.warn('old', DeprecationWarning)\nf()\n"
    "warnings.simplefilter('error'); f()",
    "quit": "quit('so')",
    "exit tuple": "import sys; sys.exit((1, 2))",
    "exit negative": "import sys; sys.exit(-1)",
    "thread exits": "import threading\nt = threading.Thread(target=lambda: exit(3))\n"
    "t.start(); t.join(); print('on')",
    "asyncio process": "import asyncio, signal, os\nasync def f():\n    rang = asyncio.Event()\n"
    "    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, rang.set)\n"
    "    os.kill(os.getpid(), signal.SIGUSR1); await asyncio.wait_for(rang.wait(), 9)\n"
    "    p = await asyncio.create_subprocess_exec('echo', 'a', stdout=-1)\n"
    "    print(await p.communicate())\nasyncio.run(f())",
    "queue": "import multiprocessing as m\ndef f(q): q.put(m.current_process().name)\n"
    "if __name__ == '__main__':\n    q = m.Queue(); p = m.Process(target=f, args=(q,)); p.start()\n"
    "    print(q.get(), m.parent_process(), m.get_start_method()); p.join(); print(p.exitcode)",
    "leaked memory": "from multiprocessing.shared_memory import SharedMemory\n"
    "s = SharedMemory(create=True, size=10); print('left')",
    "daemon process": "import multiprocessing as m, time\nif __name__ == '__main__':\n"
    "    m.Process(target=time.sleep, args=(60,), daemon=True).start(); print('end')",
    "surrogate": "print('\\ud800')",
    "zip": "import sys, zipfile\nwith zipfile.ZipFile('left.zip', 'w') as z:\n"
    "    z.writestr('inside.py', 'V = 5')\nsys.path.insert(0, 'left.zip')\n"
    "import inside; print(inside.V, inside.__file__)",
    "finders": "import sys; print(sys.path, len(sys.path_hooks), sys.meta_path)",
    "unclosed file": "import warnings\nwarnings.simplefilter('always'); open('left.txt', 'w')",
    "temporary folder": "import tempfile\nt = tempfile.TemporaryDirectory(); print('x')",
    "interrupts itself": "import os, signal\nos.kill(os.getpid(), signal.SIGINT); print('no')",
    "attributes": "import ctypes, os, signal\nl = ctypes.CDLL(None); a = ctypes.c_int()\n"
    "l.prctl(2, ctypes.byref(a)); print(a.value, l.prctl(3))\n"
    "print(signal.pthread_sigmask(signal.SIG_BLOCK, []), open('/proc/self/oom_score_adj').read())",
    "status": "for l in open('/proc/self/status'):\n"
    "    if l.startswith(('Sig', 'Shd', 'Cap', 'NoNew', 'Seccomp', 'Threads')): print(l)",
    "own source": "import ast, inspect, sys\n"
    "print(len(ast.parse(inspect.getsource(sys.modules['__main__'])).body))",
    "moved": "import os\nos.chdir('/'); raise RuntimeError(os.getcwd())",
    "interleaved": "import sys\nfor i in range(500):\n    print(i); print(i, file=sys.stderr)",
}


PACKAGES = {
    "pandas": ("pandas",), "matplotlib": ("matplotlib.pyplot",), "lightgbm": ("lightgbm",),
    "xgboost": ("xgboost",), "torch": ("torch",), "torch loader": ("torch",),
    "torch compile": ("torch",),
    "scikit-learn": ("sklearn.ensemble", "sklearn.model_selection", "sklearn.datasets"),
}  # fmt: skip
