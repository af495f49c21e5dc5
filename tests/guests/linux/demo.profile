# SPDX-License-Identifier: BSD-2-Clause
# The greeting of the demonstration's guests, read by each login shell.
export PATH=/bin:/sbin HOME=/root TERM=${TERM:-linux} PS1='\h# '
cd /root
cat <<END

  This is the guest "$(hostname)": Debian's own kernel $(uname -r), unmodified,
  with $(awk '/MemTotal/ { print int($2 / 1024) }' /proc/meminfo) MB of memory, $(cut -d ' ' -f 1 /proc/uptime) s after its start.

  Ctrl-] opens Socle's prompt. There, "console $(hostname)" leads to this shell, "list"
  shows all guests, "help" the commands, and "poweroff now" ends everything.
  "poweroff" in this shell stops only this guest.

END
wait-key "$(hostname)# "
