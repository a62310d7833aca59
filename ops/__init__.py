"""Operations: what starts, watches, backs up and breaks an installation on purpose."""
