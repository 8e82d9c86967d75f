package stepd

import (
	"context"
	"net/http"
	"net/url"
	"sync"

	"github.com/vmihailenco/msgpack/v5"
)

// Tensor is the name and shape of one; a scalar's shape is empty.
type Tensor struct {
	Name  string `msgpack:"name"`
	Shape []int  `msgpack:"shape"`
}

// Spec is what to open; the zero value attaches to a session that exists.
type Spec struct {
	Chain   any // an Optax line, a tree of maps, or the name of a registered chain
	Tensors []Tensor
	Params  *Tensors // initial parameters: with them the server keeps and updates its own copy
	Seed    uint32
	TTL     int    // forget the session when idle this long, in seconds; default a week
	Workers int    // so many make a step together; default 1
	Worker  string // who this is, where there are several: a name that no other has
}

// Info is what the server says of a session.
type Info struct {
	ID         string   `msgpack:"id"`
	Step       int      `msgpack:"step"`
	Chain      string   `msgpack:"chain"`
	SchemaHash string   `msgpack:"schema_hash"`
	Tensors    []Tensor `msgpack:"tensors"`
	Needs      struct {
		Params bool `msgpack:"params"`
		Value  bool `msgpack:"value"`
	} `msgpack:"needs"`
	Params      string             `msgpack:"params"` // "none", "client" or "server"
	Hyperparams map[string]float64 `msgpack:"hyperparams"`
	StateBytes  int64              `msgpack:"state_bytes"`
}

// StepOptions of one step; nil has the defaults.
type StepOptions struct {
	Params      *Tensors           // where the client keeps the parameters and the chain needs them
	Value       *float64           // the loss, for chains that need it
	Hyperparams map[string]float64 // replace options for this step and later ones
	WantParams  bool               // the parameters that the server keeps, in place of updates
	Stats       bool
	Weight      float64 // of this contribution among those of several workers; default 1
	Dtype       Dtype   // of the gradients on the wire; default F32
	Reply       Dtype   // of the answer; default that of the gradients
}

// Step is the answer to one: Updates, or Params where they were wanted.
type Step struct {
	Step     int
	Updates  Tensors
	Params   Tensors
	Replayed bool // the server had taken this step before: an earlier answer was lost
	Counted  bool
	Stats    map[string]float64
}

// Session takes one step at a time, whatever goroutines ask for them.
type Session struct {
	client *Client
	path   string
	worker string
	turn   sync.Mutex
	info   Info
}

// Open creates the session, or attaches to the one that exists with the same specification.
func (c *Client) Open(ctx context.Context, id string, spec Spec) (*Session, error) {
	body := map[string]any{}
	if spec.Chain != nil {
		body["chain"] = spec.Chain
	}
	if spec.Tensors != nil {
		tensors := make([]map[string]any, len(spec.Tensors))
		for i, tensor := range spec.Tensors {
			// A nil shape would be nil on the wire.
			tensors[i] = map[string]any{"name": tensor.Name, "shape": append([]int{}, tensor.Shape...)}
		}
		body["tensors"] = tensors
	}
	if spec.Params != nil {
		body["params"] = spec.Params.wire(F32)
	}
	if spec.Seed != 0 {
		body["seed"] = spec.Seed
	}
	if spec.TTL != 0 {
		body["ttl_s"] = spec.TTL
	}
	if spec.Workers != 0 {
		body["workers"] = spec.Workers
	}
	session := &Session{client: c, worker: spec.Worker, path: "/v1/sessions/" + url.PathEscape(id)}
	return session, session.ask(ctx, http.MethodPut, body, true)
}

// Info is what the server last said; Describe asks again. Its Step is the latest one that this client knows of.
func (s *Session) Info() Info { return s.info }

// Step sends the gradients of the next step. It is numbered, so a lost answer is asked for again and never counted
// twice. After a NoAnswer the step may have been taken: the same call settles it, another gradient is a step_conflict.
func (s *Session) Step(ctx context.Context, grads Tensors, options *StepOptions) (*Step, error) {
	s.turn.Lock()
	defer s.turn.Unlock()
	if options == nil {
		options = &StepOptions{}
	}
	dtype := or(options.Dtype, F32)
	reply, of := or(options.Reply, dtype), "updates"
	if options.WantParams {
		of = "params"
	}
	body := map[string]any{
		"step":  s.info.Step + 1,
		"grads": grads.wire(dtype),
		"dtype": dtype,
		"want":  map[string]any{"of": of, "dtype": reply, "stats": options.Stats},
	}
	if options.Params != nil {
		body["params"] = options.Params.wire(F32)
	}
	if options.Value != nil {
		body["value"] = *options.Value
	}
	if s.worker != "" {
		body["worker"] = s.worker
	}
	if options.Weight != 0 {
		body["weight"] = options.Weight
	}
	if options.Hyperparams != nil {
		body["hyperparams"] = options.Hyperparams
	}
	answer, err := s.client.call(ctx, http.MethodPost, s.path+"/steps", body, true)
	if err != nil {
		return nil, err
	}
	var read struct {
		Step     int                `msgpack:"step"`
		Updates  any                `msgpack:"updates"`
		Params   any                `msgpack:"params"`
		Replayed bool               `msgpack:"replayed"`
		Counted  bool               `msgpack:"counted"`
		Stats    map[string]float64 `msgpack:"stats"`
	}
	if err := msgpack.Unmarshal(answer, &read); err != nil {
		return nil, err
	}
	s.info.Step = read.Step
	step := &Step{Step: read.Step, Replayed: read.Replayed, Counted: read.Counted, Stats: read.Stats}
	if options.WantParams {
		step.Params, err = fromWire(read.Params, reply)
	} else {
		step.Updates, err = fromWire(read.Updates, reply)
	}
	return step, err
}

// Describe asks how the session stands; takes over its step, as after a step_conflict.
func (s *Session) Describe(ctx context.Context) (Info, error) {
	err := s.ask(ctx, http.MethodGet, nil, true)
	return s.info, err
}

// SetHyperparams replaces options from the next step on. It is sent once: it carries no number that would tell.
func (s *Session) SetHyperparams(ctx context.Context, hyperparams map[string]float64) error {
	return s.ask(ctx, http.MethodPatch, map[string]any{"hyperparams": hyperparams}, false)
}

// Params are the parameters that the server keeps, by name, after the session's latest step.
func (s *Session) Params(ctx context.Context) (map[string][]float32, error) {
	file, err := s.client.call(ctx, http.MethodGet, s.path+"/params", nil, true)
	if err != nil {
		return nil, err
	}
	return readSafetensors(file)
}

// Delete forgets the session.
func (s *Session) Delete(ctx context.Context) error {
	_, err := s.client.call(ctx, http.MethodDelete, s.path, nil, true)
	return err
}

func (s *Session) ask(ctx context.Context, method string, body map[string]any, safe bool) error {
	answer, err := s.client.call(ctx, method, s.path, body, safe)
	if err != nil {
		return err
	}
	info := Info{}
	if err := msgpack.Unmarshal(answer, &info); err != nil {
		return err
	}
	s.info = info
	return nil
}
