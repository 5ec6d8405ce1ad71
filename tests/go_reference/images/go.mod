module imagereference

go 1.21
