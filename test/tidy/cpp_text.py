"""C++ read just well enough to judge its style: code without comments and strings, and its functions."""

import re

# One alternative per thing that hides code; raw strings first, because quotes inside them mean nothing.
HIDDEN = re.compile(
    r'R"(?P<tag>[^()\\\s]{0,16})\(.*?\)(?P=tag)"'
    r"|//[^\n]*"
    r"|/\*.*?\*/"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+'",  # a quote behind a digit separates digits
    re.DOTALL)
PREPROCESSOR = re.compile(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", re.MULTILINE)
LABELS = re.compile(r"\s*(?:(?:public|private|protected)\s*:\s*)*")
SCOPE = re.compile(r"^(?:template\s*<.*>\s*)?(?:inline\s+|typedef\s+|friend\s+)*"
                   r"(?:namespace|class|struct|union|enum|extern)\b", re.DOTALL)


def blank(match):
    """As many lines as before, but nothing on them; a string or character stays visible as "" or ''."""
    text = match.group(0)
    ends = "''" if text[0] == "'" else '""'
    return (ends if text[0] in "\"'R" else " ") + "\n" * text.count("\n")


def code_of(text):
    """The text without comments and without what strings say; line numbers stay."""
    return HIDDEN.sub(blank, text)


def functions_of(text):
    """[(line, length in lines, signature)] of every function body, from its signature to its brace.

    Counts braces: one that follows a parameter list at namespace or class level opens a function; what
    is inside, lambdas and local classes, belongs to it.
    """
    code = PREPROCESSOR.sub(lambda m: "\n" * m.group(0).count("\n"), code_of(text))
    found = []
    open_braces = []  # one kind per open brace: "scope", "function" or "other"
    start = 0         # where the declaration that is being read began
    begun = None      # start of the function that is being read
    for match in re.finditer(r"[{};]", code):
        position, mark = match.start(), match.group(0)
        inside = "function" in open_braces
        if mark == "{":
            kind = "other" if inside else kind_of_brace(code[start:position])
            open_braces.append(kind)
            if kind == "function":
                begun = LABELS.match(code, start, position).end()
            if kind == "scope":
                start = position + 1
        elif mark == "}":
            kind = open_braces.pop() if open_braces else "scope"
            if kind == "function":
                found.append(measured(code, begun, position))
            if kind in ("function", "scope") and "function" not in open_braces:
                start = position + 1
        elif "other" not in open_braces and not inside:
            start = position + 1
    return found


def kind_of_brace(declaration):
    """What a brace behind this text opens, outside of any function."""
    braced_value = not declaration[-1:].isspace()  # `count_{0}`: the formatter sets no space
    declaration = declaration[LABELS.match(declaration).end():].strip()
    if not declaration or (SCOPE.match(declaration) and not returns_a_class(declaration)):
        return "scope"
    if braced_value or "(" not in declaration or declaration.endswith(("=", ",", "(")):
        return "other"
    return "function"


def returns_a_class(declaration):
    """`struct stat f() {` and `extern "C" int f() {` are functions all the same."""
    without_attributes = re.sub(r"(?:alignas|__attribute__|decltype)\s*\(", "", declaration)
    return re.search(r"\w\s*\(", without_attributes.split(":", 1)[0]) is not None


def measured(code, begun, end):
    first = code.count("\n", 0, begun) + 1
    last = code.count("\n", 0, end) + 1
    signature = " ".join(code[begun:code.index("{", begun)].split())
    return first, last - first + 1, signature
