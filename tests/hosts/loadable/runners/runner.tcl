# Tcl's sqlite3, from SQLite's own source. Interrupt: a progress handler, as a
# connection belongs to one thread.

package require sqlite3
package require json
package require json::write

json::write indented false
fconfigure stdin -encoding utf-8
fconfigure stdout -encoding utf-8 -buffering line
lassign $argv extension file

# No text of a test begins like this.
set null "\uFFFFnull"

proc say {key value} {
    puts [json::write object $key $value]
}

# All values are strings to Tcl; what SQLite gave as a number is still kept as one.
proc encode {value} {
    if {$value eq $::null} {
        return null
    }
    if {[regexp {^value is a (int|wideInt|double) } [tcl::unsupported::representation $value]]} {
        return $value
    }
    return [json::write string $value]
}

proc past {end} {
    expr {[clock milliseconds] > $end}
}

proc answer {request} {
    if {[dict exists $request interrupt_after]} {
        set wait [expr {int([dict get $request interrupt_after] * 1000)}]
        db progress 1000 [list past [expr {[clock milliseconds] + $wait}]]
    }
    set rows {}
    db eval [dict get $request sql] row {
        lappend rows [json::write array {*}[lmap name $row(*) {encode $row($name)}]]
    }
    return [json::write array {*}$rows]
}

sqlite3 db $file
db nullvalue $null
db enable_load_extension 1
if {[catch {db eval {SELECT load_extension($extension)}} message]} {
    say error [json::write string $message]
    exit
}
say ready [json::write string [db version]]
while {[gets stdin line] >= 0} {
    if {[catch {answer [json::json2dict $line]} answered]} {
        say error [json::write string $answered]
    } else {
        say rows $answered
    }
    db progress 0 {}
}
db close
