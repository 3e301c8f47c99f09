// Verifies the log that crates/tlog/examples/write_log.rs wrote, with the packages of Go's checksum database.
//
//	verify FOLDER
//
// Checked are the signatures of all checkpoints, the inclusion of every entry in the newest one, the consistency of all pairs
// of checkpoints, the .tlog-proof files, and a receipt. Exit code 1 with the first finding.
package main

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const height = 8

// folder serves tiles from files. It keeps what it read, but hands nothing out that the package has not authenticated.
type folder struct {
	path  string
	tiles map[string][]byte
}

func (f *folder) Height() int                         { return height }
func (f *folder) SaveTiles(_ []tlog.Tile, _ [][]byte) {}

// ReadTiles reads tiles at the paths of C2SP tlog-tiles, which do not name the height and call the entries "entries".
func (f *folder) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var all [][]byte
	for _, tile := range tiles {
		path := strings.Replace(tile.Path(), fmt.Sprintf("tile/%d/", height), "tile/", 1)
		data, ok := f.tiles[path]
		if !ok {
			var err error
			if data, err = os.ReadFile(filepath.Join(f.path, path)); err != nil {
				return nil, err
			}
			f.tiles[path] = data
		}
		all = append(all, data)
	}
	return all, nil
}

// cosignature verifies signatures of type 0x04 (C2SP tlog-cosignature), which the package does not know.
type cosignature struct {
	name string
	hash uint32
	key  ed25519.PublicKey
}

func (c cosignature) Name() string    { return c.name }
func (c cosignature) KeyHash() uint32 { return c.hash }
func (c cosignature) Verify(msg, sig []byte) bool {
	if len(sig) != 8+ed25519.SignatureSize {
		return false
	}
	header := fmt.Sprintf("cosignature/v1\ntime %d\n", binary.BigEndian.Uint64(sig))
	return ed25519.Verify(c.key, append([]byte(header), msg...), sig[8:])
}

func newCosignature(vkey string) (note.Verifier, error) {
	parts := strings.SplitN(vkey, "+", 3)
	if len(parts) != 3 {
		return nil, errors.New("malformed verifier key")
	}
	hash, err := strconv.ParseUint(parts[1], 16, 32)
	if err != nil {
		return nil, err
	}
	key, err := base64.StdEncoding.DecodeString(parts[2])
	if err != nil || len(key) != 1+ed25519.PublicKeySize || key[0] != 4 {
		return nil, errors.New("not an Ed25519 cosignature key")
	}
	return cosignature{parts[0], uint32(hash), key[1:]}, nil
}

// tree opens a checkpoint: both keys must have signed.
func tree(message []byte, origin string, keys note.Verifiers) (tlog.Tree, error) {
	opened, err := note.Open(message, keys)
	if err != nil {
		return tlog.Tree{}, err
	}
	if len(opened.Sigs) != 2 || len(opened.UnverifiedSigs) != 0 {
		return tlog.Tree{}, fmt.Errorf("%d of 2 signatures verified", len(opened.Sigs))
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[0] != origin {
		return tlog.Tree{}, fmt.Errorf("not a checkpoint of %s: %q", origin, opened.Text)
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return tlog.Tree{}, err
	}
	hash, err := tlog.ParseHash(lines[2])
	return tlog.Tree{N: size, Hash: hash}, err
}

// entries reads the bundles of a log.
func entries(path string, size int64) ([][]byte, error) {
	var all [][]byte
	for index := int64(0); index*256 < size; index++ {
		tile := tlog.Tile{H: height, L: -1, N: index, W: int(min(256, size-index*256))}
		name := strings.Replace(tile.Path(), fmt.Sprintf("tile/%d/data/", height), "tile/entries/", 1)
		data, err := os.ReadFile(filepath.Join(path, name))
		if err != nil {
			return nil, err
		}
		for i := 0; i < tile.W; i++ {
			if len(data) < 2 || len(data)-2 < int(binary.BigEndian.Uint16(data)) {
				return nil, fmt.Errorf("%s is too short", name)
			}
			end := 2 + int(binary.BigEndian.Uint16(data))
			all = append(all, data[2:end])
			data = data[end:]
		}
		if len(data) != 0 {
			return nil, fmt.Errorf("%s is too long", name)
		}
	}
	return all, nil
}

// checkProof checks a .tlog-proof file (C2SP tlog-proof).
func checkProof(file []byte, origin string, keys note.Verifiers, entries [][]byte) error {
	head, checkpoint, found := bytes.Cut(file, []byte("\n\n"))
	lines := strings.Split(string(head), "\n")
	if !found || len(lines) < 2 || lines[0] != "c2sp.org/tlog-proof@v1" {
		return errors.New("not a proof")
	}
	lines = lines[1:]
	if extra, ok := strings.CutPrefix(lines[0], "extra "); ok {
		if _, err := base64.StdEncoding.DecodeString(extra); err != nil {
			return err
		}
		lines = lines[1:]
	}
	number, ok := strings.CutPrefix(lines[0], "index ")
	index, err := strconv.ParseInt(number, 10, 64)
	if !ok || err != nil {
		return fmt.Errorf("no index: %q", lines[0])
	}
	var proof tlog.RecordProof
	for _, line := range lines[1:] {
		hash, err := tlog.ParseHash(line)
		if err != nil {
			return err
		}
		proof = append(proof, hash)
	}
	tree, err := tree(checkpoint, origin, keys)
	if err != nil {
		return err
	}
	return tlog.CheckRecord(proof, tree.N, tree.Hash, index, tlog.RecordHash(entries[index]))
}

// checkReceipt checks a receipt: the key, and the Merkle root over the events' hashes.
func checkReceipt(path string) error {
	vkey, err := os.ReadFile(filepath.Join(path, "receipt-vkey"))
	if err != nil {
		return err
	}
	key, err := note.NewVerifier(string(vkey))
	if err != nil {
		return err
	}
	message, err := os.ReadFile(filepath.Join(path, "receipt"))
	if err != nil {
		return err
	}
	opened, err := note.Open(message, note.VerifierList(key))
	if err != nil {
		return err
	}
	events, err := os.ReadFile(filepath.Join(path, "receipt-events"))
	if err != nil {
		return err
	}
	var stored storage
	count := int64(0)
	for _, line := range strings.Fields(string(events)) {
		event, err := hex.DecodeString(line)
		if err != nil {
			return err
		}
		hashes, err := tlog.StoredHashes(count, event, stored)
		if err != nil {
			return err
		}
		stored = append(stored, hashes...)
		count++
	}
	root, err := tlog.TreeHash(count, stored)
	if err != nil {
		return err
	}
	text := fmt.Sprintf("auditlake/receipt/v1\n%s\n2026-03-01T12:00:00.123Z\n%d\n%s\n", key.Name(), count, root)
	if opened.Text != text {
		return fmt.Errorf("%q is not %q", opened.Text, text)
	}
	return nil
}

// storage keeps the hashes of a small tree in memory.
type storage []tlog.Hash

func (s storage) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	var hashes []tlog.Hash
	for _, index := range indexes {
		hashes = append(hashes, s[index])
	}
	return hashes, nil
}

func verify(path string) error {
	if err := checkReceipt(path); err != nil {
		return fmt.Errorf("receipt: %w", err)
	}
	vkey, err := os.ReadFile(filepath.Join(path, "vkey"))
	if err != nil {
		return err
	}
	log, err := note.NewVerifier(string(vkey))
	if err != nil {
		return err
	}
	if vkey, err = os.ReadFile(filepath.Join(path, "witness-vkey")); err != nil {
		return err
	}
	witness, err := newCosignature(string(vkey))
	if err != nil {
		return err
	}
	keys := note.VerifierList(log, witness)

	files, err := filepath.Glob(filepath.Join(path, "checkpoints", "*"))
	if err != nil {
		return err
	}
	var trees []tlog.Tree
	for _, file := range files {
		message, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		tree, err := tree(message, log.Name(), keys)
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		trees = append(trees, tree)
	}
	sort.Slice(trees, func(i, j int) bool { return trees[i].N < trees[j].N })
	if len(trees) == 0 {
		return errors.New("no checkpoints")
	}

	// Each pair of checkpoints, proved from the tiles of the later one's size.
	for i, newer := range trees {
		if newer.N == 0 {
			continue
		}
		reader := tlog.TileHashReader(newer, &folder{path, map[string][]byte{}})
		for _, older := range trees[:i] {
			if older.N == 0 {
				continue
			}
			proof, err := tlog.ProveTree(newer.N, older.N, reader)
			if err != nil {
				return fmt.Errorf("consistency of %d and %d: %w", older.N, newer.N, err)
			}
			if err := tlog.CheckTree(proof, newer.N, newer.Hash, older.N, older.Hash); err != nil {
				return fmt.Errorf("consistency of %d and %d: %w", older.N, newer.N, err)
			}
		}
	}

	newest := trees[len(trees)-1]
	all, err := entries(path, newest.N)
	if err != nil {
		return err
	}
	reader := tlog.TileHashReader(newest, &folder{path, map[string][]byte{}})
	for index, entry := range all {
		proof, err := tlog.ProveRecord(newest.N, int64(index), reader)
		if err != nil {
			return fmt.Errorf("inclusion of %d: %w", index, err)
		}
		if err := tlog.CheckRecord(proof, newest.N, newest.Hash, int64(index), tlog.RecordHash(entry)); err != nil {
			return fmt.Errorf("inclusion of %d: %w", index, err)
		}
	}

	proofs, err := filepath.Glob(filepath.Join(path, "proofs", "*.tlog-proof"))
	if err != nil {
		return err
	}
	for _, name := range proofs {
		file, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		if err := checkProof(file, log.Name(), keys, all); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	fmt.Printf("verified: %d checkpoints, %d entries, %d proofs\n", len(trees), len(all), len(proofs))
	return nil
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: verify FOLDER")
		os.Exit(2)
	}
	if err := verify(os.Args[1]); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}
