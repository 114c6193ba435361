"""Playbooks of a test's roost, in the fleet's directory."""


def playbook(roost, name, text="- hosts: all\n"):
    path = roost.state / "ansible" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path
