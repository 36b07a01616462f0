# Perl's DBI with DBD::SQLite. Interrupt: a progress handler, as Perl's own signals
# wait until the statement is through.
use strict;
use warnings;

use DBI;
use DBD::SQLite::Constants qw(DBD_SQLITE_STRING_MODE_UNICODE_STRICT);
use JSON::PP;
use Time::HiRes qw(time);

my ( $extension, $file ) = @ARGV;
my $json = JSON::PP->new->utf8->canonical;
$| = 1;

sub say_json { print $json->encode( {@_} ), "\n" }

my $dbh = DBI->connect( "dbi:SQLite:dbname=$file", '', '',
    {   RaiseError => 1, PrintError => 0, AutoCommit => 1,
        sqlite_string_mode => DBD_SQLITE_STRING_MODE_UNICODE_STRICT } );
$dbh->sqlite_enable_load_extension(1);
if ( !eval { $dbh->do( 'SELECT load_extension(?)', undef, $extension ) } ) {
    say_json( error => $@ );
    exit;
}
say_json( ready => $dbh->{sqlite_version} );

while ( my $line = <STDIN> ) {
    my $request = $json->decode($line);
    my $after   = $request->{interrupt_after};
    if ( defined $after ) {
        my $end = time + $after;
        $dbh->sqlite_progress_handler( 1000, sub { time > $end ? 1 : 0 } );
    }
    my $rows = eval {
        my $statement = $dbh->prepare( $request->{sql} );
        $statement->execute;
        $statement->{NUM_OF_FIELDS} ? $statement->fetchall_arrayref : [];
    };
    utf8::decode( my $error = $@ );
    $dbh->sqlite_progress_handler( 0, undef ) if defined $after;
    say_json( $rows ? ( rows => $rows ) : ( error => $error ) );
}
$dbh->disconnect;
