package fakeapimart

import "context"

// Task is a generation task, as it was when listed.
type Task struct {
	TaskRecord

	apimart *APIMart
}

// Tasks returns the generation tasks, oldest first.
func (a *APIMart) Tasks() []*Task {
	a.tb.Helper()
	records, err := a.world.Tasks(context.Background())
	a.check(err)
	tasks := make([]*Task, 0, len(records))
	for _, record := range records {
		tasks = append(tasks, &Task{TaskRecord: record, apimart: a})
	}
	return tasks
}

// Complete lets the task complete now, whatever was planned, with its pictures, its cost and its
// callback.
func (t *Task) Complete() {
	t.apimart.tb.Helper()
	ended, err := t.apimart.world.CompleteTask(context.Background(), t.ID)
	t.apimart.check(err)
	t.TaskRecord = ended
}

// Fail lets the task fail now with a message, and with its callback; it costs nothing.
func (t *Task) Fail(message string) {
	t.apimart.tb.Helper()
	ended, err := t.apimart.world.FailTask(context.Background(), t.ID, message)
	t.apimart.check(err)
	t.TaskRecord = ended
}
