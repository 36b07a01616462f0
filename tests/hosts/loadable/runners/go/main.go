// Go's database/sql with github.com/mattn/go-sqlite3.
// A request with "interrupt_after" is given a context that ends then.
package main

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"os"
	"time"

	"github.com/mattn/go-sqlite3"
)

type request struct {
	SQL            string  `json:"sql"`
	InterruptAfter float64 `json:"interrupt_after"`
}

type answer map[string]any

var out = json.NewEncoder(os.Stdout)

func main() {
	sql.Register("extended", &sqlite3.SQLiteDriver{Extensions: []string{os.Args[1]}})
	pool, err := sql.Open("extended", os.Args[2])
	if err != nil {
		out.Encode(answer{"error": err.Error()})
		return
	}
	defer pool.Close()
	// One connection for all that comes: a transaction spans several requests.
	db, err := pool.Conn(context.Background())
	if err != nil {
		out.Encode(answer{"error": err.Error()})
		return
	}
	defer db.Close()
	version, _, _ := sqlite3.Version()
	out.Encode(answer{"ready": version})
	lines := bufio.NewReader(os.Stdin)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return
		}
		var asked request
		json.Unmarshal(line, &asked)
		rows, err := query(db, asked)
		if err != nil {
			out.Encode(answer{"error": err.Error()})
		} else {
			out.Encode(answer{"rows": rows})
		}
	}
}

func query(db *sql.Conn, asked request) ([][]any, error) {
	ctx := context.Background()
	if asked.InterruptAfter > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(asked.InterruptAfter*float64(time.Second)))
		defer cancel()
	}
	found, err := db.QueryContext(ctx, asked.SQL)
	if err != nil {
		return nil, err
	}
	defer found.Close()
	columns, err := found.Columns()
	if err != nil {
		return nil, err
	}
	rows := [][]any{}
	for found.Next() {
		row, places := make([]any, len(columns)), make([]any, len(columns))
		for i := range row {
			places[i] = &row[i]
		}
		if err := found.Scan(places...); err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	return rows, found.Err()
}
