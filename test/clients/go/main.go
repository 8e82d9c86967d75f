// Plays ../scenario.json: URL PREFIX SCENARIO OUT. What the actions mean is in ../README.md.
package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"time"

	stepd "github.com/stepd/stepd/client/go"
)

type action struct {
	Do, As, Session, Chain, Form, Of, Error string
	Dtype, Reply                            stepd.Dtype
	Keep, Send, Replayed                    bool
	Times, Salt, Elements, Step             int
	Value                                   *float64
	Hyperparams                             map[string]float64
}

type handle struct {
	session *stepd.Session
	params  []float32
}

type player struct {
	client  *stepd.Client
	prefix  string
	worker  int
	workers int
	tensors []stepd.Tensor
	total   int
	handles map[string]*handle
	written bytes.Buffer
}

var ctx = context.Background()

func main() {
	file, err := os.ReadFile(os.Args[3])
	check(err)
	var scenario struct {
		Tensors []stepd.Tensor
		Actions []action
	}
	check(json.Unmarshal(file, &scenario))
	retry := stepd.Retry{Base: 5 * time.Millisecond}
	p := &player{
		client:  stepd.Connect(os.Args[1], stepd.Options{Retry: retry, APIKey: os.Getenv("STEPD_API_KEY")}),
		prefix:  os.Args[2],
		tensors: scenario.Tensors,
		handles: map[string]*handle{},
	}
	if len(os.Args) > 6 {
		p.worker, err = strconv.Atoi(os.Args[5])
		check(err)
		p.workers, err = strconv.Atoi(os.Args[6])
		check(err)
	}
	for _, tensor := range p.tensors {
		p.total += size(tensor)
	}
	for _, a := range scenario.Actions {
		code := ""
		if err := p.act(a); err != nil {
			var refusal *stepd.Refusal
			if !errors.As(err, &refusal) {
				check(fmt.Errorf("%+v: %w", a, err))
			}
			code = refusal.Code
		}
		if code != a.Error {
			check(fmt.Errorf("%+v: %q, expected %q", a, code, a.Error))
		}
	}
	check(os.WriteFile(os.Args[4], p.written.Bytes(), 0o644))
}

func (p *player) act(a action) error {
	if a.Do == "open" {
		return p.open(a)
	}
	h := p.handles[a.As]
	switch a.Do {
	case "step":
		for range make([]struct{}, max(1, a.Times)) {
			if err := p.step(h, a); err != nil {
				return err
			}
		}
	case "set":
		for { // No number tells a repeated change from a second one: the client leaves it to its caller.
			var lost *stepd.NoAnswer
			if err := h.session.SetHyperparams(ctx, a.Hyperparams); !errors.As(err, &lost) {
				return err
			}
		}
	case "describe":
		info, err := h.session.Describe(ctx)
		if err == nil && info.Step != a.Step {
			check(fmt.Errorf("%+v: step %d", a, info.Step))
		}
		return err
	case "fetch", "compare":
		kept, err := h.session.Params(ctx)
		if err != nil {
			return err
		}
		params := p.pack(stepd.Named(kept))
		if a.Do == "compare" && !slices.Equal(params, h.params) {
			check(fmt.Errorf("%+v: %v, expected %v", a, params, h.params))
		}
		h.params = params
	case "write":
		check(binary.Write(&p.written, binary.LittleEndian, h.params))
	case "delete":
		return h.session.Delete(ctx)
	default:
		check(fmt.Errorf("%q is no action", a.Do))
	}
	return nil
}

func (p *player) open(a action) error {
	params := make([]float32, p.total)
	for i := range params {
		params[i] = float32(i*29%255-127) / 64
	}
	spec := stepd.Spec{}
	if a.Chain != "" {
		spec.Chain, spec.Tensors = a.Chain, p.tensors
	}
	if p.workers > 0 {
		spec.Workers, spec.Worker = p.workers, fmt.Sprint("worker-", p.worker)
	}
	if a.Keep {
		packed := stepd.Packed(params)
		spec.Params = &packed
	}
	name := a.Session
	if name == "" {
		name = a.As
	}
	session, err := p.client.Open(ctx, p.prefix+"-"+name, spec)
	p.handles[a.As] = &handle{session, params}
	return err
}

func (p *player) step(h *handle, a action) error {
	elements := a.Elements
	if elements == 0 {
		elements = p.total
	}
	step := h.session.Info().Step + 1
	grads := make([]float32, elements)
	for i := range grads {
		grads[i] = float32((i*73+step*37+(a.Salt+p.worker)*11)%255-127) / 128
	}
	options := &stepd.StepOptions{
		Value: a.Value, Hyperparams: a.Hyperparams, Dtype: a.Dtype, Reply: a.Reply, WantParams: a.Of == "params",
	}
	if a.Send {
		params := p.form(a, h.params)
		options.Params = &params
	}
	result, err := h.session.Step(ctx, p.form(a, grads), options)
	if err != nil {
		return err
	}
	if a.Replayed && !result.Replayed {
		check(fmt.Errorf("%+v: not replayed", a))
	}
	if options.WantParams {
		h.params = p.pack(result.Params)
	} else {
		stepd.Packed(p.pack(result.Updates)).ApplyTo(stepd.Packed(h.params))
	}
	return nil
}

func (p *player) form(a action, packed []float32) stepd.Tensors {
	if a.Form != "named" {
		return stepd.Packed(packed)
	}
	named := map[string][]float32{}
	for _, tensor := range p.tensors {
		named[tensor.Name] = packed[:size(tensor)]
		packed = packed[size(tensor):]
	}
	return stepd.Named(named)
}

func (p *player) pack(tensors stepd.Tensors) []float32 {
	packed := slices.Clone(tensors.Packed)
	for _, tensor := range p.tensors {
		packed = append(packed, tensors.Named[tensor.Name]...)
	}
	return packed
}

func size(tensor stepd.Tensor) int {
	size := 1
	for _, extent := range tensor.Shape {
		size *= extent
	}
	return size
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
