module players

go 1.21

require github.com/stepd/stepd/client/go v0.0.0

require (
	github.com/vmihailenco/msgpack/v5 v5.4.1 // indirect
	github.com/vmihailenco/tagparser/v2 v2.0.0 // indirect
)

replace github.com/stepd/stepd/client/go => ../../../client/go
