module github.com/fake-apimart/fake-apimart/clients/go

go 1.24
