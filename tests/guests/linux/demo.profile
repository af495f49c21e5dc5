# SPDX-License-Identifier: BSD-2-Clause
# The greeting of the demonstration's guests, read by each login shell.
export PATH=/bin:/sbin HOME=/root TERM=${TERM:-linux} PS1='\h:\w# '
cd /root
cat <<END

  This is the guest "$(hostname)": Debian's own kernel $(uname -r), unmodified,
  with $(awk '/MemTotal/ { print int($2 / 1024) }' /proc/meminfo) MB of memory, up since $(cut -d ' ' -f 1 /proc/uptime) seconds.

  To type here: Ctrl-] and then "console $(hostname)".
  Ctrl-] opens Socle's prompt at any time: "list" shows all guests, "help" the commands,
  "poweroff now" ends everything. "poweroff" in this shell stops this guest only.

END
