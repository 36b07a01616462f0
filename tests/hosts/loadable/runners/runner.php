<?php
// PHP's SQLite3 class; it has no interrupt. It loads only from sqlite3.extension_dir,
// which has to be given on the command line.

[, $extension, $file] = $argv;

function say(array $answer): void
{
    $flags = JSON_PRESERVE_ZERO_FRACTION | JSON_UNESCAPED_UNICODE | JSON_THROW_ON_ERROR;
    fwrite(STDOUT, json_encode($answer, $flags) . "\n");
}

function query(SQLite3 $db, string $sql): array
{
    $statement = $db->prepare($sql);
    $found = $statement->execute();
    $rows = [];
    // execute() has made the first step already, and the first fetch starts anew: what
    // gives no rows must not be fetched from, or it runs a second time.
    while ($found->numColumns() && $row = $found->fetchArray(SQLITE3_NUM)) {
        $rows[] = $row;
    }
    $statement->close();
    return $rows;
}

$db = new SQLite3($file);
$db->enableExceptions(true);
try {
    $db->loadExtension(basename($extension) . '.so');
} catch (Exception $error) {
    say(['error' => $error->getMessage()]);
    exit;
}
say(['ready' => SQLite3::version()['versionString']]);
while ($line = fgets(STDIN)) {
    $request = json_decode($line, true);
    if (isset($request['interrupt_after'])) {
        say(['unsupported' => 'interrupt']);
        continue;
    }
    try {
        say(['rows' => query($db, $request['sql'])]);
    } catch (Exception $error) {
        say(['error' => $error->getMessage()]);
    }
}
$db->close();
