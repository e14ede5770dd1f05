"""The words of the programs that `programs` writes: statements and headers of all kinds.

HOLE is where a parameter's value stands, {e} an expression; {n} is a number, {indent} and {step}
are white space.
"""

from __future__ import annotations

import sys

# Literals with their JSON values, and code that an option may be; each is its own text on one line.
LITERALS = [
    ("1", 1),
    ("2.5", 2.5),
    ("-3", -3),
    ("True", True),
    ("None", None),
    ("'text'", "text"),
    ('"1"', "1"),
    ("'a' 'b'", "ab"),
    ("0x10", 16),
    ("1e3", 1000.0),
    ("'é'", "é"),
    ("r'\\d'", "\\d"),
    ("'a\\nb'", "a\nb"),
    ("'\\u20ac'", "€"),
]
CODES = [
    "seen('a')",
    "seen('b')",
    "(1, 2)",
    "[seen('c')]",
    "(lambda: 5)()",
    "lambda: seen(6)",
    "'x' if seen(1) else 'y'",
    "seen(*['s'], **{})",
    "f'{seen(7)}'",
    'f"{x!r:>4}"',
    "f'{x = }'",
    "x",
    "[i for i in (1, 2)]",
    "(i for i in (1, 2))",
    "{'a': seen(1), **{}}",
    "seen(0) or 2",
    "not x",
    "5 * 6",
    "b'x'",
    "1j",
    "{1, 2}",
    "'%s' % seen(8)",
    "store",
    "ten",
    "locals() is None",
    "nowhere",
]
ASYNC_CODES = ["await wait('a')", "[await wait('b')]", "(await wait([1]))[0]"]
METHOD_CODES = ["super().__init__()", "super().name()", "__class__.__name__", "self is None"]
NUMBERS = [
    ("uniform", "0, 1", (0.25, 1.0)),
    ("uniform", "high=2 ** 3, low=-1 / 2", (0.0, 7.5)),
    ("randint", "3", (0, 2)),
    ("randint", "lower=1, upper=4", (1, 3)),
    ("quniform", "0, 8, 2", (4, 8)),
    ("loguniform", "1e-4, 1", (0.01,)),
    ("qloguniform", "1, 100.0, 1", (10.0,)),
    ("normal", "0, 1", (-0.5, 3.0)),
    ("qnormal", "0, math.pi, 0.5", (0.5,)),
    ("lognormal", "0, 1", (2.0,)),
    ("qlognormal", "mu=0, sigma=1, q=1", (3,)),
]
OWN_VALUES = [
    "0",
    "1",
    "-3",
    "seen('a')",
    "seen('own')",
    "(7\n)",
    "(  # why\n  1 + 40)",
    "'a' 'b'",
    '"""a\nb"""',
    "lambda: 1",
    "1 if seen(0) else 2",
    "not x",
    "[i for i in (1, 2)]",
    "(z := 3)",
    "x",
    "None",
]
OWN_TUPLES = ["(1, 2)", "1, 2", "seen((1, 2))", "*(1,), 2"]

# A name as the key has it, what name= may say, and the statement.
ASSIGNMENTS = [
    ("x", "x", "x = HOLE"),
    ("x", "x", "x=HOLE;"),
    ("x", "'x'", "x = \\\n  HOLE"),
    ("x", "x", "x = y = HOLE"),
    ("y", "(y)", "x = y = HOLE ; show(x)"),
    ("x", "x", "x: int = HOLE"),
    ("x", "x", "x : 'no' =HOLE  # why"),
    ("box.a", "box . a", "box.a = HOLE"),
    ("box.a", "box.a", "box.a: int = HOLE"),
    ("store['k']", "store [ 'k' ]", "store['k'] = HOLE"),
    ("store['k']", 'store["k"]', "store['k'] = HOLE  # why"),
]
UNPACKINGS = [
    ("(x, y)", "(x, y)", "x, y = HOLE"),
    ("(x, *y)", "(x,*y)", "(x, *y) = HOLE"),
    ("[x, y]", "[x, y]", "[x, y] = HOLE"),
]
NAMED = [
    ("lr", "lr", "show(lr=HOLE)"),
    ("lr", "lr", "x = show(1, lr = HOLE, other=2,)"),
    ("lr", "'lr'", "show(\n  lr=HOLE, # why\n  **{}\n)"),
    ("lr", "lr", "show({'lr': HOLE, 'x': 1})"),
    ("lr", "lr", "show((lambda a, lr=HOLE: lr)(1))"),
    ("lr", "lr", "show((lambda *, lr=HOLE: lr)())"),
    ("lr", "lr", "show((lambda lr=HOLE, /: lr)())"),
    ("d['lr']", "d [ 'lr' ]", "d = {'lr': HOLE, **{}}; show(d)"),
    ("d['a']['lr']", "d['a']['lr']", "d = {'a': {'lr':HOLE}}; show(d)"),
    ("lr", "lr", "show(parser.add_argument('--lr', default=HOLE))"),
    ("l_r", "l_r", "show(parser.add_argument('-l', '--l-r', type=int, default = HOLE))"),
    ("lr", "lr", "assert show(lr=HOLE) or 1"),
    ("lr", "lr", "box.n += show(lr=HOLE) and 0 or 0"),
    ("lr", "lr", "del [show(lr=HOLE)][0]"),
]
# Headers of compound statements, and what is to follow the block.
NAMED_HEADERS = [
    ("if show(lr=HOLE) or 1:", ""),
    ("while once({n}, lr=HOLE):", ""),
    ("for i in items(lr=HOLE):", ""),
    ("with ctx(lr=HOLE) as c, ctx():", ""),
    ("with (ctx() as c, ctx(lr=HOLE)):", ""),
    ("match show(lr=HOLE):\n{indent}{step}case _:", ""),
    ("def f{n}(a=1, lr=HOLE):", "show(f{n}.__defaults__, f{n}.__doc__); call(f{n})"),
    ("def f{n}(*, lr: int=HOLE) -> 0:", "show(f{n}.__kwdefaults__); call(f{n})"),
    ("def f{n}(lr=HOLE, /, *a):", "call(f{n})"),
    ("async def f{n}(lr = HOLE):", "call(f{n})"),
    ("@deco(lr=HOLE)\n{indent}def f{n}():", "call(f{n})"),
    ("@deco()\n{indent}@deco(lr=HOLE)\n{indent}class C{n}:", ""),
    ("class C{n}(Base, lr=HOLE):", "show(C{n}.keywords)"),
]
ASYNC_HEADERS = [
    ("async with ctx(lr=HOLE) as c:", ""),
    ("async for i in stream(lr=HOLE):", ""),
]

# Calls to choose from, each as its own text on one line.
CALLS = [
    ("seen(10)", "seen(20)", "seen(30)"),
    ("seen(10)",),
    ("box.do(1).do(2)", "box.do(3)"),
    ("seen(1).real", "seen([2])[0]"),
    ("seen(*[1])", "seen(**{'value': 1})"),
    ("-seen(1)", "not seen(2)"),
    ("seen('a' 'b')", 'seen("c")', "seen(f'{x!r:>4}')"),
    ("seen(lambda: 1)", "seen((1, 2))"),
    ("seen(i for i in (1, 2))", "seen([3])"),
    ("seen(1 if x else 2)", "ten()"),
]
ASYNC_CALLS = [("await wait(1)", "await wait(2)", "seen(3)")]
STRING_CALLS = [CALLS[0], CALLS[2], CALLS[3]]
STRINGS = [
    "f'{HOLE}'",
    'f"{HOLE!r:>9} {x}"',
    "f'a{HOLE}' 'b'",
    "rf'''{[HOLE, HOLE]}'''",
    'f"""\n{HOLE:>{9}}\n"""',
    "f'{x:>{HOLE and 9}}'",
    """('a '\n  f"b{HOLE}"\n  'c')""",
]
SHOWN = ["f'{CALL=}'", 'f"a" f"{CALL = !r}"']  # which show the code of the call itself
# What may stand around a call that is written as it is in the annotation,
EXPRESSIONS = [
    "HOLE",
    "[HOLE, HOLE]",
    "show(HOLE)",
    "show(9, k=HOLE)",
    "{9: HOLE}",
    "[HOLE][0] if [HOLE] else 9",
    "(HOLE, *[HOLE])",
    "show(*[HOLE])",
    "(w := HOLE)",
    "[\n HOLE,  # why\n ]",
]
SCOPES = ["[HOLE for _ in 'pq']", "(lambda: HOLE)()", "list(HOLE for _ in [9])"]
# and around one that is in parentheses.
TIGHT = [
    "HOLEifHOLEelseHOLE",
    "notHOLE",
    "f'{x}'andHOLE",
    "[i for i in[HOLE]ifHOLEor 9]",
    "[9]in[HOLE,]",
    "[HOLE==HOLE]",
]
STATEMENTS = ["x = {e}", "show({e})", "x={e};y=x", "for i in[{e}]:show(i)", "assert [{e}]"]
RETURNS = ["return {e}", "return{e}", "return[{e}]"]
HEADERS = [
    ("if[{e}]:", ""),
    ("while once({n}, {e}):", ""),
    ("for i in ({e},):", ""),
    ("with ctx({e}):", ""),
    ("with ctx({e})as c:", ""),
    ("match[{e}]:\n{indent}{step}case _:", ""),
    ("def f{n}(a={e}):", "call(f{n})"),
    ("@deco({e})\n{indent}def f{n}():", "call(f{n})"),
    ("class C{n}(Base, k={e}):", "show(C{n}.keywords)"),
]
# Calls of nni's functions in code, with what they may be instead; {k} is a name for them.
CODE_CALLS = [
    ("choice", "seen('p'), 2, name='{k}'", ("seen('p')", "2"), ("seen('p')", 2)),
    ("choice", "3, True, name = '{k}'", ("3", "True"), (3, True)),
    ("choice", "{'p': seen(1), 'q': 2}, name='{k}'", ("seen(1)", "2"), ("p", "q")),
    ("uniform", "0, 1, name='{k}'", ("0.25", "0.75"), (0.25, 0.75)),
    ("randint", "5,\n name='{k}'", ("3",), (3,)),
    ("function_choice", "ten, twenty, name='{k}'", ("ten()", "twenty()"), ("ten", "twenty")),
    (
        "function_choice",
        "lambda: seen(4), ten, name='{k}'",
        ("(lambda: seen(4))()", "ten()"),
        ("lambda: seen(4)", "ten"),
    ),
]
IMPORTS = [
    ("import nni", "nni.{f}"),
    ("import nni as tune", "tune.{f}"),
    ("from nni import choice, uniform, randint, function_choice", "{f}"),
    ("from nni import choice as choice_, uniform as uniform_, randint as randint_, "
     "function_choice as function_choice_", "{f}_"),
]  # fmt: skip

# Headers of blocks without annotations, the other parts of the statement, and what follows.
PLAIN_HEADERS: list[tuple[str, tuple[str, ...], str]] = [
    ("if seen(1):", ("else:",), ""),
    ("if not seen(1):", ("elif seen(2):", "else:"), ""),
    ("while once({n}):", ("else:",), ""),
    ("for _ in[0]:", ("else:",), ""),
    ("for i, in [[0], [1]]:", (), ""),
    ("with ctx():", (), ""),
    ("try:", ("except ZeroDivisionError as error:", "else:", "finally:"), ""),
    ("try:", ("finally:",), ""),
    ("match seen(0):\n{indent}{step}case 0 if True:", ("{step}case _:",), ""),
    ("def f{n}():", (), "show(f{n}.__doc__); call(f{n})"),
    ("def f{n}(self=None, *a, **k):", (), "call(f{n})"),
    ("async def f{n}():", (), "call(f{n})"),
    ("class C{n}(Base):", (), "methods(C{n})"),
    ("class C{n}:", (), "methods(C{n})"),
]
if sys.version_info >= (3, 11):
    PLAIN_HEADERS.append(("try:", ("except* ValueError:", "else:"), ""))
METHOD_HEADERS = [("def m{n}(self):", (), ""), ("async def m{n}(self):", (), "")]
FILLERS = [
    "# a comment  ",
    "",
    "   ",
    "\f",
    "pass  ;  pass",
    "seen( 5 )",
    "2, 'a string'",
    "show( x )",
]
REPORTED = [
    "1",
    "x if x in (0, 1) else 3",
    "{'default': 4, 'other': [5]}",
    "seen(9)",
    "'no number'",
]
LAYERS = [
    ("[conv(size=3), pool(2, 2), conv()]", ("conv(size=3)", "pool(2, 2)", "conv()")),
    ("[pool()]", ("pool()",)),
]
