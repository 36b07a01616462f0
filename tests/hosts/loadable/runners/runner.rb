# Ruby's sqlite3. It has no use of its interrupt: a statement holds Ruby's global lock,
# so no other thread can call it.

require 'json'
require 'sqlite3'

extension, file = ARGV
$stdout.sync = true

def say(answer) = puts(JSON.generate(answer))

db = SQLite3::Database.new(file)
begin
  db.enable_load_extension(true)
  db.load_extension(extension)
rescue StandardError => e
  say(error: e.message)
  exit
end
say(ready: db.get_first_value('SELECT sqlite_version()'))

$stdin.each_line do |line|
  request = JSON.parse(line)
  next say(unsupported: 'interrupt') if request['interrupt_after']

  begin
    say(rows: db.execute(request['sql']))
  rescue SQLite3::Exception => e
    say(error: e.message)
  end
end
db.close
