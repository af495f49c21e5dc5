# SPDX-License-Identifier: BSD-2-Clause
# Turns `nm -n` of the first link into the table of function names that a panic's
# backtrace uses: count, sorted low address words, offsets of names, names.
BEGIN { n = 0 }
$2 ~ /^[tT]$/ && length($1) == 16 && substr($1, 1, 8) == "ffffffff" && $3 != "text_end" && $3 != "text_start" {
    if ($1 == last) next
    last = $1
    name[n] = $3; low[n] = substr($1, 9); n++
}
END {
    print "        .section .symtab_socle, \"a\", @progbits"
    print "        .balign 4"
    print "        .long " n
    for (i = 0; i < n; i++) print "        .long 0x" low[i]
    for (i = 0; i < n; i++) print "        .long .Ln" i " - .Lnames"
    print ".Lnames:"
    for (i = 0; i < n; i++) print ".Ln" i ":  .asciz \"" name[i] "\""
    print "        .section .note.GNU-stack, \"\", @progbits"
}
