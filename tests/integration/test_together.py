"""Two clients change one object at the same time: each gets a definite answer, and what stands at the end is what one
behind the other would have left, in one order or the other."""
import subprocess
import threading

import pytest
from harness.roost import Roost

ROUNDS = 25


@pytest.fixture(scope="module")
def roost():
    with Roost({"launch": {"accelerator": "tcg"}}) as r:
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", r.dir / "d.qcow2", "1M"], check=True)
        r.cli("image", "create", "keep", "--file", r.dir / "d.qcow2", "--quiet")
        yield r
        assert r.cli("store", "check").returncode == 0
        r.stop(keep=True)
        r.start()  # what is on record is what core reads again


def at_once(*calls):
    """Each in a thread of its own, begun together: their answers in order."""
    gate, answers = threading.Barrier(len(calls)), [None] * len(calls)

    def run(i, call):
        gate.wait(30)
        answers[i] = call()
    threads = [threading.Thread(target=run, args=(i, c)) for i, c in enumerate(calls)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(120)
    assert None not in answers, "each gets one"
    for a in answers:
        assert a.status in (200, 201, 202, 204, 400, 404, 409, 503) and (a.status < 300 or a.json["error"]["message"]), a.text
    return answers


def apply(r, tree, create=False):
    return lambda: r.api("POST", "/v1/apply", {"fleet": tree, "create": create})


def wish(name, **spec):
    return {"instances": {name: {"launcher": "external", **spec}}}


def remove(r, what, name):
    return lambda: r.api("DELETE", f"/v1/{what}/{name}")


def spec(r, name):
    reply = r.api("GET", f"/v1/instances/{name}")
    return reply.json["spec"] if reply.status == 200 else None


def good(answer):
    return answer.status < 300


def test_two_change_one(roost):
    """Whole words of one or of the other, never of both."""
    roost.apply(wish("m"))
    a, b = {"groups": ["a"], "vars": {"x": "a", "y": "a"}}, {"groups": ["b"], "vars": {"x": "b", "y": "b"}}
    for _ in range(ROUNDS):
        answers = at_once(apply(roost, wish("m", **a)), apply(roost, wish("m", **b)))
        assert any(map(good, answers)), [x.text for x in answers]
        now = spec(roost, "m")
        assert (now["groups"], now["vars"]) in [(w["groups"], w["vars"]) for w, x in zip((a, b), answers) if good(x)]
        assert all(x.status in (200, 503) for x in answers), "the other is done as well, or told to try again"
    events = roost.json("events", "m", "--limit", "1000")["events"]
    assert [e["seq"] for e in events] == sorted(e["seq"] for e in events)


def test_two_modify_by_the_command_line(roost):
    roost.apply(wish("c"))
    for n in range(6):
        both = [subprocess.Popen([roost.build / "roost", "instance", "modify", "c", "--domain", f"{who}{n}.example", "--group", who],
                                 env=roost.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for who in ("a", "b")]
        ended = [(p.communicate(timeout=60), p.returncode) for p in both]
        fine = [who for who, (_, code) in zip(("a", "b"), ended) if code == 0]
        assert fine and all(code in (0, 6) for _, code in ended), ended
        now = spec(roost, "c")
        assert (now["domain"], now["groups"]) in [(f"{who}{n}.example", [who]) for who in fine]


def test_two_create_one_name(roost):
    for n in range(ROUNDS):
        answers = at_once(*(apply(roost, wish(f"n{n}", vars={"who": w}), create=True) for w in ("a", "b", "c")))
        won = [w for w, x in zip(("a", "b", "c"), answers) if good(x)]
        assert len(won) == 1 and spec(roost, f"n{n}")["vars"] == {"who": won[0]}
        for x in answers:
            assert good(x) or x.status in (409, 503), x.text
            assert x.status != 409 or f"instance n{n} is there already" in x.json["error"]["message"]
    assert len({i["tag"] for i in roost.json("instance", "list")}) == len(roost.json("instance", "list"))


def test_apply_beside_remove(roost):
    """It is there with the new words, or it is gone (removed after, or before and the apply made it anew)."""
    for n in range(ROUNDS):
        roost.apply(wish(f"r{n}", vars={"v": 0}))
        applied, removed = at_once(apply(roost, wish(f"r{n}", vars={"v": 1})), remove(roost, "instances", f"r{n}"))
        now = spec(roost, f"r{n}")
        assert good(removed) or removed.status == 503, removed.text
        if now is None:
            assert good(removed)
        else:
            assert now["vars"] == {"v": 1 if good(applied) else 0} and (good(applied) or not good(removed))
        kept = [t for t in roost.json("instance", "trash", "list") if t["name"] == f"r{n}"]
        assert len(kept) == (1 if good(removed) else 0), "what was removed is in the trash, once"


def test_an_image_goes_while_a_guest_is_made_of_it(roost):
    for n in range(ROUNDS):
        roost.cli("image", "create", "i", "--file", roost.dir / "d.qcow2", "--quiet")
        fleet = {"instances": {f"g{n}": {"image": "i", "disk": "1M", "memory": "64M"}}}
        made, gone = at_once(apply(roost, fleet, create=True), remove(roost, "images", "i"))
        there = [i["name"] for i in roost.json("image", "list")]
        assert good(made) != good(gone), (made.text, gone.text)
        assert ("i" in there) == good(made) == ((roost.state / "images" / "i").exists()) == (spec(roost, f"g{n}") is not None)
        if good(made):
            assert gone.status == 503 or (gone.status == 409 and f"g{n}" in gone.text), gone.text
            assert good(roost.api("DELETE", f"/v1/instances/g{n}?destroy-disks=1"))
            roost.cli("image", "remove", "i")
        else:
            assert made.status == 404 and "there is no image i" in made.text
    assert sorted(p.name for p in (roost.state / "images").iterdir()) == ["keep"]


def test_two_make_one_image(roost):
    """What is wrong with a name that is taken is told at once, or by the task that lost."""
    for _ in range(8):
        body = {"name": "j", "file": str(roost.dir / "d.qcow2")}
        answers = at_once(*[lambda: roost.api("POST", "/v1/images", body)] * 2)
        assert any(map(good, answers)), [x.text for x in answers]
        ended = [roost.cli("task", "wait", str(x.json["id"]), check=False) for x in answers if good(x)]
        print([x.text for x in answers], ended)
        assert [d.returncode for d in ended].count(0) == 1
        for text in [x.text for x in answers if not good(x)] + [d.stderr for d in ended if d.returncode]:
            assert "image j is just being made" in text or "image j is there already" in text, text
        roost.cli("image", "verify", "j")
        roost.cli("image", "remove", "j")
        assert sorted(p.name for p in (roost.state / "images").iterdir()) == ["keep"]


def test_two_take_one_out_of_the_trash(roost):
    for n in range(8):
        roost.apply(wish(f"t{n}"))
        roost.cli("instance", "remove", f"t{n}")
        number = next(t["number"] for t in roost.json("instance", "trash", "list") if t["name"] == f"t{n}")
        answers = at_once(*(lambda w=w: roost.api("POST", f"/v1/trash/{number}/restore", {"as": w}) for w in (f"t{n}", f"u{n}")))
        assert sorted(map(good, answers)) == [False, True], [x.text for x in answers]
        names = [i["name"] for i in roost.json("instance", "list")]
        assert [f"t{n}" in names, f"u{n}" in names] == list(map(good, answers))
