package fakeapimart_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	fakeapimart "github.com/fake-apimart/fake-apimart/clients/go"
)

// What all fixtures do alike, whatever language they are for: here Go's.

type scenario struct {
	Name  string
	Steps []step
}

type step struct {
	// Send, Do and Read are what the step is: one of them.
	Send string
	Do   string
	Read string

	World  string
	As     string
	On     string
	With   map[string]any
	Gives  any
	Raises string
	Breaks bool

	// Of requests.
	Filename string
	Content  string
	JSON     any
	Task     string
	URL      string

	hasGives bool
}

// UnmarshalJSON tells a step that gives nothing from one of which nothing is said.
func (s *step) UnmarshalJSON(content []byte) error {
	type plain step
	var names map[string]json.RawMessage
	if err := json.Unmarshal(content, &names); err != nil {
		return err
	}
	_, s.hasGives = names["gives"]
	return json.Unmarshal(content, (*plain)(s))
}

var contents = map[string][]byte{"png": png, "text": []byte("This is no picture.\n")}

var sends = map[string]func(*fakeapimart.APIMart, step) (sent, error){
	"upload": func(world *fakeapimart.APIMart, s step) (sent, error) {
		return upload(world, s.Filename, contents[s.Content])
	},
	"generate": func(world *fakeapimart.APIMart, s step) (sent, error) {
		return generate(world, s.JSON)
	},
	"poll": func(world *fakeapimart.APIMart, s step) (sent, error) {
		return get(world, world.BaseURL+"/v1/tasks/"+s.Task)
	},
	"get": func(world *fakeapimart.APIMart, s step) (sent, error) {
		return get(world, s.URL)
	},
	"balance": func(world *fakeapimart.APIMart, _ step) (sent, error) {
		return get(world, world.BaseURL+"/v1/balance")
	},
}

// arguments are those of a verb, by their names in the table.
type arguments map[string]any

func (a arguments) text(name string) string {
	text, _ := a[name].(string)
	return text
}

func (a arguments) number(name string) float64 {
	number, _ := a[name].(float64)
	return number
}

func (a arguments) duration() time.Duration {
	units := map[string]time.Duration{
		"seconds": time.Second, "minutes": time.Minute, "hours": time.Hour, "days": 24 * time.Hour,
	}
	var total time.Duration
	for name, unit := range units {
		total += time.Duration(a.number(name) * float64(unit))
	}
	return total
}

func (a arguments) rule() fakeapimart.Rule {
	rule := fakeapimart.Rule{
		Error:  fakeapimart.Error(a.text("error")),
		Status: int(a.number("status")),
		Body:   a["body"],
		Socket: fakeapimart.SocketFault(a.text("socket")),
		Times:  int(a.number("times")),
		After:  int(a.number("after")),
		Every:  int(a.number("every")),
	}
	if times, isGiven := a["times"]; isGiven && times == nil {
		rule.Times = fakeapimart.Always
	}
	rule.Optional, _ = a["optional"].(bool)
	into(a["headers"], &rule.Headers)
	into(a["where"], &rule.Where)
	return rule
}

func (a arguments) match() fakeapimart.Match {
	return fakeapimart.Match{
		Operation: fakeapimart.Operation(a.text("operation")),
		Status:    int(a.number("status")),
	}
}

// into gives a value of the table another type.
func into(value, target any) {
	encoded, err := json.Marshal(value)
	if err == nil {
		err = json.Unmarshal(encoded, target)
	}
	if err != nil {
		panic(err)
	}
}

type verb func(world *fakeapimart.APIMart, on any, with arguments) any

// does is what a step can do, by the names in the table.
var does = map[string]verb{
	"fail": func(world *fakeapimart.APIMart, _ any, with arguments) any {
		return world.Fail(fakeapimart.Operation(with.text("operation")), with.rule())
	},
	"check_rules": plainly(func(world *fakeapimart.APIMart, _ arguments) { world.CheckRules() }),
	"another": func(world *fakeapimart.APIMart, _ any, _ arguments) any {
		return world.Another()
	},
	"reset": plainly(func(world *fakeapimart.APIMart, _ arguments) { world.Reset() }),
	"pace": plainly(func(world *fakeapimart.APIMart, with arguments) {
		if polls, isGiven := with["polls"]; isGiven {
			world.PacePolls(int(polls.(float64)))
			return
		}
		world.Pace(with.duration())
	}),
	"tasks_fail": plainly(func(world *fakeapimart.APIMart, with arguments) {
		world.TasksFail(with.text("message"))
	}),
	"tasks_complete": plainly(func(world *fakeapimart.APIMart, _ arguments) { world.TasksComplete() }),
	"balance": plainly(func(world *fakeapimart.APIMart, with arguments) {
		world.Balance(with.number("amount"))
	}),
	"rate_limit": plainly(func(world *fakeapimart.APIMart, with arguments) {
		world.RateLimit(with.text("rate"))
	}),
	"dialect": plainly(func(world *fakeapimart.APIMart, with arguments) {
		world.Dialect(fakeapimart.Dialect(with.text("name")))
	}),
	"size_limit": plainly(func(world *fakeapimart.APIMart, with arguments) {
		world.SizeLimit(int64(with.number("size")))
	}),
	"url_lifetime": plainly(func(world *fakeapimart.APIMart, with arguments) {
		world.URLLifetime(with.duration())
	}),
	"clock.advance": plainly(func(world *fakeapimart.APIMart, with arguments) {
		world.Clock().Advance(with.duration())
	}),
	"clock.freeze": plainly(func(world *fakeapimart.APIMart, _ arguments) { world.Clock().Freeze() }),
	"clock.reset":  plainly(func(world *fakeapimart.APIMart, _ arguments) { world.Clock().Reset() }),
	"uploads.add": func(world *fakeapimart.APIMart, _ any, with arguments) any {
		return world.AddUpload(contents[with.text("content")], with.text("filename"))
	},
	"requests.matching": func(world *fakeapimart.APIMart, _ any, with arguments) any {
		return world.RequestsMatching(with.match())
	},
	"requests.wait_for": func(world *fakeapimart.APIMart, _ any, with arguments) any {
		limit := time.Duration(with.number("timeout") * float64(time.Second))
		return world.WaitForRequests(with.match(), int(with.number("count")), limit)
	},
	"requests.clear": plainly(func(world *fakeapimart.APIMart, _ arguments) { world.ClearRequests() }),
	"rule.used": func(_ *fakeapimart.APIMart, on any, _ arguments) any {
		return on.(*fakeapimart.AddedRule).Used()
	},
	"rule.remove": about(func(rule *fakeapimart.AddedRule, _ arguments) { rule.Remove() }),
	"upload.read": func(_ *fakeapimart.APIMart, on any, _ arguments) any {
		return nameOf(on.(*fakeapimart.Upload).Read())
	},
	"upload.expire": about(func(upload *fakeapimart.Upload, _ arguments) { upload.Expire() }),
	"task.complete": about(func(task *fakeapimart.Task, _ arguments) { task.Complete() }),
	"task.fail": about(func(task *fakeapimart.Task, with arguments) {
		task.Fail(with.text("message"))
	}),
}

// reads is what a step can read, by the names in the table.
var reads = map[string]func(*fakeapimart.APIMart) any{
	"uploads":  func(world *fakeapimart.APIMart) any { return world.Uploads() },
	"tasks":    func(world *fakeapimart.APIMart) any { return world.Tasks() },
	"requests": func(world *fakeapimart.APIMart) any { return world.Requests() },
}

// plainly makes a verb of what gives nothing.
func plainly(do func(*fakeapimart.APIMart, arguments)) verb {
	return func(world *fakeapimart.APIMart, _ any, with arguments) any {
		do(world, with)
		return nil
	}
}

// about makes a verb of what a record does.
func about[Record any](do func(Record, arguments)) verb {
	return func(_ *fakeapimart.APIMart, on any, with arguments) any {
		do(on.(Record), with)
		return nil
	}
}

func nameOf(content []byte) string {
	for name, each := range contents {
		if string(each) == string(content) {
			return name
		}
	}
	return ""
}

// run is one scenario in a new world, and what its steps have given so far.
type run struct {
	t      *testing.T
	tb     *recorder
	worlds map[string]*fakeapimart.APIMart
	kept   map[string]any
}

// take takes one step, and holds what it gives against the table.
func (r *run) take(taken step) {
	r.t.Helper()
	var given any
	r.tb.run(func() { given = r.taken(taken) })
	said := r.tb.takeErrors()
	switch {
	case taken.Raises != "" && !strings.Contains(said, taken.Raises):
		r.t.Fatalf("it says %q, not %q", said, taken.Raises)
	case taken.Raises != "":
		return
	case said != "":
		r.t.Fatal(said)
	}
	if world, isWorld := given.(*fakeapimart.APIMart); isWorld {
		r.worlds[taken.As] = world
	} else if taken.As != "" {
		r.kept[taken.As] = given
	}
	if taken.hasGives {
		if err := check(given, r.filled(taken.Gives)); err != nil {
			r.t.Fatal(err)
		}
	}
}

func (r *run) taken(taken step) any {
	world := r.worlds[taken.World]
	switch {
	case taken.Send != "":
		return r.sent(world, taken)
	case taken.Read != "":
		return reads[taken.Read](world)
	}
	var on any
	if taken.On != "" {
		on = r.filled(taken.On)
	}
	with, _ := r.filled(taken.With).(map[string]any)
	return does[taken.Do](world, on, with)
}

func (r *run) sent(world *fakeapimart.APIMart, taken step) any {
	taken.JSON = r.filled(taken.JSON)
	taken.Task, _ = r.filled(taken.Task).(string)
	taken.URL, _ = r.filled(taken.URL).(string)
	got, err := sends[taken.Send](world, taken)
	if (err != nil) != taken.Breaks {
		r.tb.Fatalf("the connection: %v, and %v", err, got)
	}
	return got
}

var reference = regexp.MustCompile(`^\$([a-z]+(?:\.[a-z_0-9]+)*)$`)

// filled returns a value of the table with what its references name.
func (r *run) filled(value any) any {
	switch each := value.(type) {
	case map[string]any:
		filled := map[string]any{}
		for name, inner := range each {
			filled[name] = r.filled(inner)
		}
		return filled
	case []any:
		filled := []any{}
		for _, inner := range each {
			filled = append(filled, r.filled(inner))
		}
		return filled
	case string:
		if match := reference.FindStringSubmatch(each); match != nil {
			name, path, _ := strings.Cut(match[1], ".")
			found, err := found(r.kept[name], path)
			if err != nil {
				panic(err)
			}
			return found
		}
	}
	return value
}

// found returns what a path of names and numbers leads to, in records, JSON and lists.
func found(value any, path string) (any, error) {
	if path == "" {
		return value, nil
	}
	name, rest, _ := strings.Cut(path, ".")
	inner, err := member(value, name)
	if err != nil {
		return nil, err
	}
	return found(inner, rest)
}

func member(value any, name string) (any, error) {
	if raw, isJSON := value.(json.RawMessage); isJSON {
		var decoded any
		if err := json.Unmarshal(raw, &decoded); err != nil {
			return nil, err
		}
		value = decoded
	}
	of := reflect.Indirect(reflect.ValueOf(value))
	switch of.Kind() {
	case reflect.Map:
		if inner := of.MapIndex(reflect.ValueOf(name)); inner.IsValid() {
			return inner.Interface(), nil
		}
	case reflect.Slice:
		if at, err := strconv.Atoi(name); err == nil && at < of.Len() {
			return of.Index(at).Interface(), nil
		}
	case reflect.Struct:
		wanted := strings.ReplaceAll(name, "_", "")
		inner := of.FieldByNameFunc(func(each string) bool { return strings.EqualFold(each, wanted) })
		if inner.IsValid() {
			return inner.Interface(), nil
		}
	}
	return nil, fmt.Errorf("%v has no %s", value, name)
}

// check returns an error unless a value has at least what is expected of it.
func check(given, expected any) error {
	switch wanted := expected.(type) {
	case map[string]any:
		for name, each := range wanted {
			inner, err := member(given, name)
			if err == nil {
				err = check(inner, each)
			}
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
		return nil
	case []any:
		of := reflect.ValueOf(given)
		if of.Kind() != reflect.Slice || of.Len() != len(wanted) {
			return fmt.Errorf("%v is no list of %d", given, len(wanted))
		}
		for at, each := range wanted {
			if err := check(of.Index(at).Interface(), each); err != nil {
				return fmt.Errorf("%d: %w", at, err)
			}
		}
		return nil
	default:
		if fmt.Sprint(given) != fmt.Sprint(expected) {
			return fmt.Errorf("it is %v, not %v", given, expected)
		}
		return nil
	}
}

func scenarios(t *testing.T) []scenario {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("..", "scenarios", "scenarios.json"))
	if err != nil {
		// Whoever has the module alone does not have the table.
		t.Skip(err)
	}
	var table struct{ Scenarios []scenario }
	if err := json.Unmarshal(content, &table); err != nil {
		t.Fatal(err)
	}
	return table.Scenarios
}

func TestScenario(t *testing.T) {
	for _, each := range scenarios(t) {
		t.Run(each.Name, func(t *testing.T) {
			t.Parallel()
			tb := newRecorder(t)
			t.Cleanup(func() {
				tb.finish()
				if said := tb.takeErrors(); said != "" {
					t.Error(said)
				}
			})
			scenario := run{
				t:      t,
				tb:     tb,
				worlds: map[string]*fakeapimart.APIMart{},
				kept:   map[string]any{},
			}
			tb.run(func() { scenario.worlds[""] = fakeapimart.New(tb) })
			if said := tb.takeErrors(); said != "" {
				t.Fatal(said)
			}
			for _, step := range each.Steps {
				scenario.take(step)
			}
		})
	}
}

func TestEachVerbStandsInAScenario(t *testing.T) {
	used := map[string]bool{}
	for _, each := range scenarios(t) {
		for _, step := range each.Steps {
			used[step.Do] = true
			used[step.Send] = true
			used[step.Read] = true
		}
	}
	there := map[string]bool{"": true}
	for name := range does {
		there[name] = true
	}
	for name := range sends {
		there[name] = true
	}
	for name := range reads {
		there[name] = true
	}
	if !reflect.DeepEqual(used, there) {
		t.Errorf("the scenarios use %v, there are %v", used, there)
	}
}
