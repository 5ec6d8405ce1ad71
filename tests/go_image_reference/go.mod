module imagereference

go 1.24
