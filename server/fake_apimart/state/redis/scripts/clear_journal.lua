-- Remove the entries of a world. Argument: its name.

drop_journal(ARGV[1], place_of(ARGV[1]))
