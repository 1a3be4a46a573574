"""The joined C of the tests: equal definitions are shared, others are not."""

from joined_c import joined

FIRST = """
#define STEP 2
enum { A = 1, B = 2 };
static int one(int x) { return x + A; }
static int two(int x) { return one(x) + B; }
static int step(int x) { return x + STEP; }
int whole(int x) { return two(step(x)); }
"""


def test_a_definition_is_shared_if_all_names_in_it_mean_the_same():
    text, names = joined([FIRST, FIRST, FIRST.replace("B = 2", "B = 3"), FIRST.replace("STEP 2", "STEP 3")], ["cc"])
    first, second, other_b, other_step = names
    assert first == second == {name: name for name in ("A", "B", "one", "two", "step", "whole")}
    assert {name for name in first if other_b[name] != name} == {"B", "two", "whole"}
    assert {name for name in first if other_step[name] != name} == {"step", "whole"}
    assert text.count("return x + 1") + text.count("return x + A") == 1
    assert f"return {other_b['two']}(step(x));" in text


def test_a_declaration_belongs_to_its_definition():
    sources = [
        f"int later(void);\nint now(void) {{ return later(); }}\nint later(void) {{ return {n}; }}\n" for n in "12"
    ]
    text, (first, second) = joined(sources, ["cc"])
    assert {first["later"], first["now"]}.isdisjoint({second["later"], second["now"]})
    assert f"int {second['now']}(void) {{ return {second['later']}(); }}" in text


def test_a_new_name_is_not_one_of_another_file():
    sources = [f"static int f(void) {{ return {n}; }}\nint f_1(void) {{ return f() + {n}; }}\n" for n in "12"]
    _, (first, second) = joined(sources, ["cc"])
    assert len({*first.values(), *second.values()}) == 4
