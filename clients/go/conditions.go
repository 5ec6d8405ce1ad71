package fakeapimart

// Where says which requests a rule is for: those that meet all that is set here. Each value is what
// a subject must equal, or a Condition, such as that of Glob.
//
// A file's name, size and type can be asked of uploads and of files that are fetched, the prompt and
// other JSON of bodies that are JSON, and headers of all requests.
type Where struct {
	// Filename is the file's name, as answers state it.
	Filename any `json:"filename,omitempty"`
	// Size is the file's size in bytes.
	Size any `json:"size,omitempty"`
	// ContentType is the file's type, as its content says and not its client.
	ContentType any `json:"content_type,omitempty"`
	// Prompt is the text of the JSON's field of this name.
	Prompt any `json:"prompt,omitempty"`
	// JSON has fields of a JSON body by their paths, such as "model", "metadata.tenant" or
	// "image_urls.0".
	JSON map[string]any `json:"json,omitempty"`
	// Header has headers of the request by their names.
	Header map[string]any `json:"header,omitempty"`
}

// Condition asks something else of a value than that it equals another. The functions below make
// those of one operator; Condition{"at_least": 1, "at_most": 99} has two.
type Condition map[string]any

// Glob asks whether a text fits a shell's pattern, with *, ? and [abc].
func Glob(pattern string) Condition {
	return Condition{"glob": pattern}
}

// Contains asks for a part of a text, or for an element of a JSON array.
func Contains(part any) Condition {
	return Condition{"contains": part}
}

// AtLeast asks for a number that is not smaller.
func AtLeast(number float64) Condition {
	return Condition{"at_least": number}
}

// AtMost asks for a number that is not larger.
func AtMost(number float64) Condition {
	return Condition{"at_most": number}
}
