"""Takes and streams: from a generator of samples to audio with a record.

`generator` makes a `sample_generator`: the engine's, or that of `tensorflow_generator` with its
`tensorflow_loop` and `tensorflow_primer`. `take` generates a sound of given length through
`take_output`, at the pace of `pace`; `record`, `record_file`, `record_values` and
`record_fields` keep what it was made from. `unfinished_take` keeps a long one on disk, with its
`take_state`, until it is complete. `stream` generates endless sound from the parts in
`stream_voices`, `stream_lead`, `stream_hold`, `stream_seed` and `stream_speed`. `temperature`
has the tracks, `temperature_text` reads them, `temperature_control` plays them.
"""
