# Written by roost, which keeps this file as it is: changes made here are lost.
"""What became of each host of a run, as JSON lines for roost.

An Ansible callback plugin (docs.ansible.com, "Developing plugins", callback plugins). It writes to
the descriptor that ROOST_OUTCOME_FD names and does nothing without one, so that it may lie in the
path of anybody's Ansible. It stands beside whatever stdout_callback is chosen.

    {"e": "start"}                           the playbook was read, its plays begin
    {"e": "play"}
    {"e": "begin", "h": HOST, "k": TASK, "t": MS}
    {"e": STATE, "h": HOST, "k": TASK, "m": MESSAGE, "t": MS}
                                             STATE: ok changed skipped failed unreachable, and
                                             ignored rescued for failures that are none
    {"e": "abort", "rest": BOOL}             the play ended early by failures; "rest": hosts that
                                             it had not come to may have been cut off too
    {"e": "stats", "h": HOST, "c": [OK, CHANGED, UNREACHABLE, FAILED, SKIPPED, RESCUED, IGNORED]}
    {"e": "end"}
"""
from __future__ import absolute_import, division, print_function

import json
import os
import time

from ansible.plugins.callback import CallbackBase

__metaclass__ = type

DOCUMENTATION = '''
    name: roost_outcome
    type: aggregate
    short_description: tells roost what became of each host
    description:
      - Writes JSON lines to the descriptor in the environment variable ROOST_OUTCOME_FD.
'''

FD_ENV = 'ROOST_OUTCOME_FD'
TASK_MAX, MESSAGE_MAX = 160, 400  # characters: a line stays below 4,096 bytes
STDERR_MAX = 200
# Beyond so many bytes only what decides an outcome is written (roost keeps 64 MiB of a run).
CHATTER_MAX = 48 << 20
CENSORED = 'hidden: the task has no_log'


def line_of(text, size):
    """One printable line of at most `size` characters."""
    text = ''.join(c if c.isprintable() else ' ' for c in text[:8 * size])
    text = ' '.join(text.split())
    return text if len(text) <= size else text[:size - 1] + '\u2026'


def last_line(value):
    lines = [s for s in value.splitlines() if s.strip()] if isinstance(value, str) else []
    return line_of(lines[-1], STDERR_MAX) if lines else ''


def failed_item(result):
    """Of a loop, the first item that failed: the loop's own message says nothing."""
    items = result.get('results')
    for item in items if isinstance(items, list) else []:
        if isinstance(item, dict) and (item.get('failed') or item.get('unreachable')):
            return item
    return result


def is_hidden(result):
    return bool(result.get('_ansible_no_log')) or 'censored' in result


def message_of(result):
    if is_hidden(result):
        return CENSORED
    item = failed_item(result)
    if is_hidden(item):
        return CENSORED
    message = item.get('msg') or ''
    if not isinstance(message, str):
        message = json.dumps(message, default=str)
    stderr = last_line(item.get('stderr') or item.get('module_stderr'))
    if stderr and stderr not in message:
        message = message + ': ' + stderr if message else stderr
    return line_of(message, MESSAGE_MAX)


def why_unreachable(result):
    """Of what ssh says the last two lines: a changed host key comes with a page of warnings."""
    message = message_of(result)
    lines = result.get('msg', '').splitlines() if isinstance(result.get('msg'), str) else []
    lines = [line_of(s, STDERR_MAX) for s in lines if s.strip()]
    if is_hidden(result) or len(lines) < 3:
        return message
    return line_of(lines[0].split(': ')[0] + ': ' + ' '.join(lines[-2:]), MESSAGE_MAX)


def holds(tasks, one):
    return any(getattr(t, '_uuid', None) == one for t in tasks or [])


def is_rescuable(task):
    """Whether the task stands in a block whose rescue takes its failure."""
    below, parent = task, getattr(task, '_parent', None)
    while parent is not None:
        if getattr(parent, 'rescue', None) and \
                holds(getattr(parent, 'block', None), getattr(below, '_uuid', None)):
            return True
        below, parent = parent, getattr(parent, '_parent', None)
    return False


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = 'aggregate'
    CALLBACK_NAME = 'roost_outcome'
    CALLBACK_NEEDS_ENABLED = False

    def __init__(self, *args, **kwargs):
        super(CallbackModule, self).__init__(*args, **kwargs)
        self.began = time.monotonic()
        self.written = 0
        self.play = None
        self.plays_left = 0
        try:
            self.fd = int(os.environ[FD_ENV])
            os.fstat(self.fd)
        except (KeyError, ValueError, OverflowError, OSError):
            self.disabled = True

    # ---- lines ----

    def put(self, chatter=False, **line):
        if self.disabled or (chatter and self.written > CHATTER_MAX):
            return
        text = json.dumps(line, ensure_ascii=False, separators=(',', ':'))
        data = text.encode('utf-8', 'replace') + b'\n'
        self.written += len(data)
        try:
            while data:
                data = data[os.write(self.fd, data):]
        except OSError:  # nobody reads any more
            self.disabled = True

    def now(self):
        return int((time.monotonic() - self.began) * 1000)

    def put_result(self, state, result, message=None):
        line = {'h': result._host.get_name(), 't': self.now()}
        if message is not None:
            line['k'] = line_of(result._task.get_name() or '', TASK_MAX)
            line['m'] = message
        self.put(chatter=message is None, e=state, **line)

    def put_abort(self):
        self.put(e='abort', rest=self.plays_left > 0 or bool(getattr(self.play, 'serial', None)))

    def ends_play(self, task):
        if getattr(task, 'any_errors_fatal', False) or getattr(task, 'run_once', False):
            self.put_abort()

    # ---- what Ansible calls ----

    def v2_playbook_on_start(self, playbook):
        self.plays_left = len(playbook.get_plays())
        self.put(e='start')

    def v2_playbook_on_play_start(self, play):
        self.plays_left -= play is not self.play  # it comes again for each batch of "serial"
        self.play = play
        self.put(e='play')

    def v2_runner_on_start(self, host, task):
        self.put(chatter=True, e='begin', h=host.get_name(),
                 k=line_of(task.get_name() or '', TASK_MAX), t=self.now())

    def v2_runner_on_ok(self, result):
        self.put_result('changed' if result.is_changed() else 'ok', result)

    def v2_runner_on_skipped(self, result):
        self.put_result('skipped', result)

    def v2_runner_on_failed(self, result, ignore_errors=False):
        if ignore_errors:
            self.put_result('ignored', result)
        elif is_rescuable(result._task):
            self.put_result('rescued', result)
        else:
            self.put_result('failed', result, message_of(result._result))
            self.ends_play(result._task)

    def v2_runner_on_unreachable(self, result):
        if getattr(result._task, 'ignore_unreachable', False):
            self.put_result('ignored', result)
        else:
            self.put_result('unreachable', result, why_unreachable(result._result))
            self.ends_play(result._task)

    def v2_playbook_on_no_hosts_remaining(self):
        self.put_abort()

    def v2_playbook_on_stats(self, stats):
        for host in sorted(stats.processed):
            counts = [of.get(host, 0) for of in (
                stats.ok, stats.changed, stats.dark, stats.failures, stats.skipped, stats.rescued,
                stats.ignored)]
            self.put(e='stats', h=host, c=counts)
        self.put(e='end')
