package fakeapimart

import (
	"context"
	"slices"
	"strings"
)

// AddedRule is a rule that a test has added.
type AddedRule struct {
	RuleRecord
	// Optional says whether the test may pass although no request has met the rule.
	Optional bool

	apimart *APIMart
}

// Fail adds a rule that makes the next request to an operation fail, or as many of them as the rule
// says. If no request meets it, the test fails, unless the rule is Optional or was removed.
func (a *APIMart) Fail(operation Operation, rule Rule) *AddedRule {
	a.tb.Helper()
	record, err := a.world.AddRule(context.Background(), operation, rule)
	a.check(err)
	added := &AddedRule{RuleRecord: record, Optional: rule.Optional, apimart: a}
	a.mutex.Lock()
	defer a.mutex.Unlock()
	a.rules = append(a.rules, added)
	return added
}

// CheckRules fails the test if no request has met one of its rules, of this world or of one made by
// Another. It is done at the end of each test that passes.
func (a *APIMart) CheckRules() {
	a.tb.Helper()
	for _, each := range a.worlds() {
		missed, err := each.missedRules(context.Background())
		a.check(err)
		if len(missed) > 0 {
			a.tb.Errorf("never met: %s. %s", joined(missed),
				each.world.nearest(context.Background(), missed[0].Operation))
		}
	}
}

func joined(rules []*AddedRule) string {
	var shown []string
	for _, each := range rules {
		shown = append(shown, line(each.String()))
	}
	return strings.Join(shown, ", ")
}

// missedRules returns those that no request has met, and one has to.
func (a *APIMart) missedRules(ctx context.Context) ([]*AddedRule, error) {
	a.mutex.Lock()
	rules := slices.Clone(a.rules)
	a.mutex.Unlock()
	rules = slices.DeleteFunc(rules, func(each *AddedRule) bool { return each.Optional })
	if len(rules) == 0 {
		return nil, nil
	}
	there, err := a.world.Rules(ctx)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(rules, func(each *AddedRule) bool {
		return usedOf(there, each.RuleRecord) > 0
	}), nil
}

// usedOf returns how many requests have met a rule: by its entry among those that are there.
func usedOf(there []RuleRecord, rule RuleRecord) int {
	for _, each := range there {
		if each.ID == rule.ID {
			return each.Used
		}
	}
	return rule.Used
}

// Used returns how many requests have met the rule.
func (r *AddedRule) Used() int {
	r.apimart.tb.Helper()
	there, err := r.apimart.world.Rules(context.Background())
	r.apimart.check(err)
	return usedOf(there, r.RuleRecord)
}

// Remove removes the rule; it need not be met any more.
func (r *AddedRule) Remove() {
	r.apimart.tb.Helper()
	// While the server still has the rule: Used returns this afterwards.
	r.RuleRecord.Used = r.Used()
	r.apimart.check(r.apimart.world.RemoveRule(context.Background(), r.ID))
	r.apimart.mutex.Lock()
	defer r.apimart.mutex.Unlock()
	r.apimart.rules = slices.DeleteFunc(r.apimart.rules, func(each *AddedRule) bool {
		return each == r
	})
}
